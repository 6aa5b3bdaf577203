"""Helm 3 makes of the chart what Helm 4 makes of it: the oldest that can be had, whose templates know the least."""

import os
import subprocess

import pytest
import yaml
from support.chart.rendering import CHART, NAMESPACE, RELEASE, ROOT, VALUES, name_of, rendered

HELM = ROOT / ".cache" / "helm3" / "node_modules" / ".bin" / "helm"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not HELM.exists() and os.environ.get("CI") != "true", reason="tests/services/install.sh brings it"
    ),
]
KUBERNETES = "1.29.0"
DIFFERS = {"Secret/dc-datacenter-embedded"}
"""Its passwords are made anew each time."""


def _helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False, timeout=60)


def _template(*arguments: str) -> subprocess.CompletedProcess[str]:
    release = (RELEASE, str(CHART), "--namespace", NAMESPACE, "--kube-version", KUBERNETES)
    return _helm("template", *release, *arguments)


def test_it_is_a_helm_3():
    assert _helm("version", "--short").stdout.startswith("v3.")


@pytest.mark.parametrize("name", VALUES)
def test_its_strict_lint_has_nothing_to_complain_of(name):
    ended = _helm("lint", "--strict", str(CHART), "--values", str(VALUES[name]))

    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("name", VALUES)
def test_it_makes_the_objects_that_helm_4_makes(name):
    ended = _template("--values", str(VALUES[name]))

    found = {name_of(found): found for found in yaml.load_all(ended.stdout, Loader=yaml.CSafeLoader) if found}
    expected = {name_of(found): found for found in rendered(name).objects}
    assert found.keys() == expected.keys(), ended.stderr
    assert {name for name in found if found[name] != expected[name]} <= DIFFERS


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("workers.import.queues={imports}", "workers.import.queues.0 must be one of the following"),
        ("web=null", "(root): web is required"),
        ("config.ledger.lease=3", "config.ledger: Additional property lease is not allowed"),
        ("config.web.secret_key=k", "config.web.secret_key: a secret does not belong in the values"),
        ("workers.delete.graceSeconds=120", "workers.delete.terminationGracePeriodSeconds: 120 seconds"),
    ],
)
def test_it_refuses_a_wrong_value_by_its_name(setting, words):
    ended = _template("--values", str(VALUES["minimal"]), "--set", setting)

    assert ended.returncode != 0
    assert words in ended.stderr


def test_it_refuses_a_kubernetes_that_is_too_old():
    ended = _helm(
        "template", RELEASE, str(CHART), "--values", str(VALUES["minimal"]), "--kube-version", "1.28.0"
    )

    assert "requires kubeVersion: >=1.29.0-0" in ended.stderr
