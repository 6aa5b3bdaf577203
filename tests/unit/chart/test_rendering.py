"""The chart in every shape of the matrix: nothing to complain of, and objects as Kubernetes wants them."""

import re

import pytest
import yaml
from support.chart.kubernetes_schemas import OLDEST, faults_of, newest
from support.chart.rendering import (
    CHART,
    NAMESPACE,
    VALUES,
    is_hook,
    lint,
    name_of,
    of_kind,
    pods_of,
    render,
    rendered,
    values_of,
)

from datacenter.ledger.states import JobKind

FOREIGN = {"ScaledObject", "ServiceMonitor", "PrometheusRule", "ExternalSecret"}
"""Kinds of operators; Kubernetes has no schema for them."""
LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


@pytest.mark.parametrize("name", VALUES)
def test_a_strict_lint_has_nothing_to_complain_of(name):
    assert lint(values_of(name)) == []


def test_a_strict_lint_of_the_default_values_has_nothing_to_complain_of():
    assert lint({}) == []


@pytest.mark.parametrize("version", [lambda: OLDEST, newest], ids=["oldest", "newest"])
@pytest.mark.parametrize("name", VALUES)
def test_every_object_is_valid_to_the_letter_in_the_oldest_and_the_newest_kubernetes(name, version):
    own = [found for found in rendered(name).objects if found["kind"] not in FOREIGN]

    faults = {name_of(found): faults for found in own if (faults := faults_of(found, version()))}

    assert faults == {}
    assert len(own) > 4


def test_the_chart_asks_for_the_oldest_kubernetes_that_it_is_validated_against():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    page = (CHART / "README.md").read_text(encoding="utf-8")

    assert chart["kubeVersion"] == f">={OLDEST}-0"
    assert f"of Kubernetes {OLDEST.rpartition('.')[0]} and {newest().rpartition('.')[0]}," in page


def test_a_wrong_object_would_be_found():
    deployment = of_kind(rendered("minimal").objects, "Deployment")[0]
    spec = {**deployment["spec"], "replica": 2}

    assert any("replica" in fault for fault in faults_of({**deployment, "spec": spec}, OLDEST))


@pytest.mark.parametrize("name", VALUES)
def test_every_object_has_a_name_of_its_own_its_namespace_and_the_labels_of_the_field(name):
    objects = [found for found in rendered(name).objects if found["kind"] != "ExternalSecret"]

    names = [name_of(found) for found in objects]
    assert len(set(names)) == len(names)
    for found in objects:
        assert LABEL.fullmatch(found["metadata"]["name"]), name_of(found)
        assert found["metadata"]["namespace"] == NAMESPACE, name_of(found)
        labels = found["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "datacenter", name_of(found)
        assert labels["app.kubernetes.io/instance"] == "dc", name_of(found)


def test_a_label_that_is_given_in_several_places_stands_once_and_selectors_keep_theirs():
    values = {
        **values_of("full"),
        "commonLabels": {
            "team": "datasets",
            "app.kubernetes.io/part-of": "ml",
            "app.kubernetes.io/component": "all",
        },
    }
    values["podDefaults"] = {**values["podDefaults"], "podLabels": {"team": "platform"}}
    values["metrics"]["serviceMonitor"]["labels"] = {"team": "monitoring"}
    values["metrics"]["rules"]["alertLabels"] = {"severity": "page"}
    objects = render(values).objects

    (monitor,) = of_kind(objects, "ServiceMonitor")
    (rules,) = of_kind(objects, "PrometheusRule")
    (web,) = [pod for pod in pods_of(objects) if pod.component == "web"]
    assert monitor["metadata"]["labels"]["team"] == "monitoring"
    assert rules["spec"]["groups"][0]["rules"][0]["labels"] == {"severity": "page"}
    assert web.labels["team"] == "platform"
    assert (
        web.labels["app.kubernetes.io/part-of"]
        == web.owner["metadata"]["labels"]["app.kubernetes.io/part-of"]
        == "ml"
    )
    assert web.owner["metadata"]["labels"]["team"] == "datasets"


@pytest.mark.parametrize("name", [name for name in VALUES if name != "dev"])
def test_rendering_twice_gives_the_same(name):
    assert render(values_of(name)).files == rendered(name).files


def test_only_the_passwords_of_embedded_parts_differ_from_one_rendering_to_the_next():
    one, other = rendered("dev").files, render(values_of("dev")).files

    assert {file for file in one if one[file] != other[file]} == {"datacenter/templates/embedded/secret.yaml"}


def test_the_longest_names_still_fit():
    values = {**values_of("minimal"), "fullnameOverride": "d" * 63}
    values["workers"] = {"a-name-of-15-ch": {"queues": ["delete"]}}

    for found in render(values).objects:
        assert LABEL.fullmatch(found["metadata"]["name"]), name_of(found)


def test_the_default_workers_are_import_export_with_download_and_delete():
    workers = [found for found in rendered("minimal").objects if "-worker-" in found["metadata"]["name"]]

    names = {found["metadata"]["name"] for found in of_kind(workers, "Deployment")}
    assert names == {f"dc-datacenter-worker-{name}" for name in ("import", "export", "delete")}


def test_the_notes_say_what_to_do_next():
    notes = rendered("full").notes

    assert "https://data.example.com/api/v1/docs" in notes
    assert "datacenter tokens create" in notes
    assert "WARNING" not in notes


def test_the_notes_warn_of_a_queue_that_nobody_serves_and_of_embedded_parts():
    values = {**values_of("dev"), "workers": {"export": None, "delete": None}}

    notes = render(values).notes

    for kind in set(JobKind) - {JobKind.IMPORT}:
        assert f"no worker of this release serves the queue {kind};" in notes
    assert "embedded parts are for trying out" in notes


def test_the_notes_warn_of_links_that_begin_with_the_address_of_a_pod():
    values = values_of("full")
    values["config"] |= {"web": {}, "environment": "development"}

    assert "WARNING: config.web.public_url is empty" in render(values).notes
    assert "what\npeople see: https://data.example.com" in render(values).notes


def test_hooks_are_the_migration_and_the_test_alone():
    hooks = [found for found in rendered("minimal").objects if is_hook(found)]

    assert {found["metadata"]["labels"]["app.kubernetes.io/component"] for found in hooks} == {
        "migration",
        "test",
    }
