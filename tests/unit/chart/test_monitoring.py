"""Monitoring speaks of metrics that there are: those of docs/metrics.md, and its alerts word for word."""

import re
from typing import Any

from support.chart.rendering import NAMESPACE, ROOT, of_kind, rendered

PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
METRICS = set(re.findall(r"^\| `(datacenter_\w+)`", PAGE, re.MULTILINE))
ALERTS = dict(re.findall(r"^\| `(Datacenter\w+)` \| `(.+?)`(?: for \d+ minutes)? \|$", PAGE, re.MULTILINE))
HERE = f'namespace="{NAMESPACE}"'


def _rules() -> list[dict[str, Any]]:
    (found,) = of_kind(rendered("full").objects, "PrometheusRule")
    (group,) = found["spec"]["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def _everywhere(expression: str) -> str:
    """The expression as the page has it, for every namespace."""
    return re.sub(rf"{{{HERE},?", "{", expression).replace("{}", "")


def test_the_page_names_metrics_and_alerts():
    assert len(METRICS) > 20
    assert len(ALERTS) > 6


def test_the_alerts_are_those_of_the_page():
    assert {rule["alert"]: _everywhere(rule["expr"]) for rule in _rules()} == ALERTS


def test_each_alert_is_of_this_release_alone_and_says_how_bad_it_is_and_what_happened():
    for rule in _rules():
        metrics = re.findall(r"datacenter_\w+(?:{[^}]*})?", rule["expr"])
        assert metrics, rule["alert"]
        assert all(HERE in metric for metric in metrics), rule["alert"]
        assert rule["labels"] == {
            "severity": rule["labels"]["severity"],
            "team": "datasets",
        }, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert rule["annotations"]["runbook_url"] == (
            f"https://wiki.example.com/datacenter#{rule['alert'].lower()}"
        )


def test_labels_that_a_sentence_names_are_those_that_its_expression_leaves():
    for rule in _rules():
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        left = {label for by in re.findall(r"by \(([\w, ]+)\)", rule["expr"]) for label in by.split(", ")}
        assert named <= left, rule["alert"]


def test_what_scales_workers_is_a_metric_that_there_is():
    objects = of_kind(rendered("full").objects, "ScaledObject")
    queries = [found["spec"]["triggers"][0]["metadata"]["query"] for found in objects]

    assert len(queries) == 2
    for query in queries:
        assert set(re.findall(r"datacenter_\w+", query)) <= METRICS
