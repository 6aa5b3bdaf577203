"""The dashboard, the alerts and the page about the metrics say what processes that have worked really tell."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from services.prometheus import PrometheusServer
from support.chart.promql import Asked, asked_for
from support.jobs.rest_jobs import archive_of, eventually, link_of, start_import
from support.servers.scraping import Scrape, free_ports, scrape

from datacenter.client import LabelFilter

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "configs/grafana/datacenter.json").read_text())
PAGE = (ROOT / "docs/metrics.md").read_text()
ROW = re.compile(r"^\| `(datacenter_\w+)` \| (counter|gauge|histogram) \| ([^|]*) \|", re.MULTILINE)
ALERT = re.compile(r"^\| `(Datacenter\w+)` \| `(.+?)`", re.MULTILINE)
SUFFIX = re.compile(r"_(bucket|count|sum)$")
PORT = free_ports()
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]
}
ALERTS = dict(ALERT.findall(PAGE))


@pytest.fixture(scope="module")
def centre(start_centre, tmp_path_factory):
    """It has done jobs of every kind, one of which failed."""
    with start_centre({"DATACENTER__METRICS__PORT": str(PORT)}) as started:
        client, folder = started.client, tmp_path_factory.mktemp("work")
        files = {f"{number % 2}/{number}.txt": "x" * 500 for number in range(40)}
        dataset, job = start_import(client, archive_of(files, folder / "good.zip"), "good")
        assert client.jobs.wait(job).state == "SUCCESS"
        export = client.exports.create([dataset.id], labels=LabelFilter(any=("1",)))[1]
        assert client.jobs.wait(export).state == "SUCCESS"
        assert link_of(client, client.downloads.of_dataset(dataset.id))
        assert client.jobs.wait(client.datasets.delete(dataset.id)).state == "SUCCESS"
        missing = client.datasets.create("bad", {"storage": "inbox", "key": "nothing.zip"})[1]
        assert client.jobs.wait(missing).state == "FAILURE"
        broken = folder / "broken.zip"
        broken.write_bytes(b"PK\x03\x04 this is no archive")
        assert not zipfile.is_zipfile(broken)
        assert client.jobs.wait(start_import(client, broken, "broken")[1]).state == "FAILURE"
        yield started


@pytest.fixture(scope="module")
def ports(centre) -> list[int]:
    return [int(centre.url.rpartition(":")[2]), PORT, PORT + 1]


@pytest.fixture(scope="module")
def scrapes(ports) -> list[Scrape]:
    """What web, worker and scheduler tell, once the worker's last shard is counted."""
    done = {"kind": "delete", "step": "finish", "outcome": "done"}
    eventually(lambda: scrape(PORT).sum("datacenter_shards_total", **done) == 1, "the delete is not counted")
    return [scrape(port) for port in ports]


def labels_of(metric: str, scrapes: list[Scrape]) -> set[str]:
    """The labels that the series of a metric have."""
    found = [set(sample.labels) for each in scrapes for sample in each.having(metric)]
    return set.union(*found) if found else set()


def missing(asked: Asked, scrapes: list[Scrape]) -> str | None:
    """What of it no process tells."""
    if not any(asked.metric in each.names() for each in scrapes):
        return f"no process exports {asked.metric}"
    lacking = asked.labels - labels_of(asked.metric, scrapes)
    return f"{asked.metric} has no label {', '.join(sorted(lacking))}" if lacking else None


def test_there_is_something_to_look_at():
    assert len(EXPRESSIONS) >= 18
    assert len(ALERTS) == PAGE.count("| `Datacenter") >= 8


@pytest.mark.parametrize("expression", [*EXPRESSIONS.values(), *ALERTS.values()], ids=[*EXPRESSIONS, *ALERTS])
def test_what_is_asked_for_is_told(scrapes, expression):
    asked = asked_for(expression)

    assert asked
    assert [gap for each in asked if (gap := missing(each, scrapes))] == []


def test_the_page_lists_every_metric_with_its_labels_and_no_other(scrapes):
    listed = {(f"{name}", frozenset(re.findall(r"`(\w+)`", labels))) for name, _, labels in ROW.findall(PAGE)}
    real: dict[str, set[str]] = {}
    for sample in (sample for each in scrapes for sample in each.samples):
        name = SUFFIX.sub("", sample.name)
        if name.startswith("datacenter_") and name != "datacenter_build_info":
            real.setdefault(name, set()).update(sample.labels.keys() - {"le"})
    assert {(name, frozenset(labels)) for name, labels in real.items()} == listed


def test_no_label_holds_an_id_or_a_name_that_a_user_gives(centre, scrapes):
    """Besides those of storages, which the operator gives."""
    samples = [sample for each in scrapes for sample in each.samples]
    values = {value for sample in samples for label, value in sample.labels.items() if label != "version"}
    hexadecimal = re.compile(r"[0-9a-f]{8}")
    assert [value for value in values if hexadecimal.search(value)] == []
    assert not values & {"good", "bad", "broken", "default-project"}
    assert {sample.labels["storage"] for sample in samples if "storage" in sample.labels} <= {
        "default",
        "inbox",
    }
    assert len(samples) < 3000


def test_panels_do_not_lie_over_one_another():
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    taken = {
        (place["x"] + x, place["y"] + y)
        for place in places
        for x in range(place["w"])
        for y in range(place["h"])
    }
    assert len(taken) == sum(place["w"] * place["h"] for place in places)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.fixture(scope="module")
def prometheus(ports, scrapes, tmp_path_factory) -> Iterator[PrometheusServer]:
    """It has scraped all processes for longer than the shortest window of the dashboard."""
    rules: dict[str, Any] = {
        "groups": [
            {"name": "datacenter", "rules": [{"alert": name, "expr": expr} for name, expr in ALERTS.items()]}
        ]
    }
    with PrometheusServer(tmp_path_factory.mktemp("prometheus"), ports=ports, rules=rules) as server:
        eventually(lambda: len(server.query("datacenter_build_info")) == 3, "not all are scraped", seconds=60)
        eventually(lambda: server.query("rate(datacenter_shards_total[1m])") != [], "no rates", seconds=60)
        yield server


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_prometheus_draws_every_panel(prometheus, expression):
    shown = expression.replace("$__rate_interval", "1m").replace("$namespace", ".*")

    def drawn() -> bool:
        # A quantile of a window without events is NaN, which is drawn as nothing, but it is there.
        return prometheus.query(shown) != []

    eventually(drawn, f"{shown} draws nothing", seconds=30)


@pytest.mark.parametrize("alert", ALERTS)
def test_prometheus_takes_every_alert(prometheus, alert):
    groups = prometheus.get("rules")["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    eventually(lambda: _health(prometheus, alert) == "ok", f"{alert} is not well: {rules[alert]}", seconds=90)


def _health(prometheus: PrometheusServer, alert: str) -> str:
    groups = prometheus.get("rules")["groups"]
    return next(rule["health"] for group in groups for rule in group["rules"] if rule["name"] == alert)


def test_no_alert_fires_while_all_is_well_but_that_of_jobs_that_failed(prometheus):
    for name, expression in ALERTS.items():
        if name != "DatacenterJobsFailing":
            assert prometheus.query(expression) == [], name
