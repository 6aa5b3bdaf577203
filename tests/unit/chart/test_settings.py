"""Settings and secrets of pods: what the ConfigMap holds, the programs can read; what is secret, it does not hold."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from support.chart.rendering import VALUES, Pod, matrix_pods, of_kind, pods_of, render, rendered, values_of

from datacenter.settings.loading import load_settings
from datacenter.settings.model import Settings
from datacenter.storages.secret_options import is_secret

SECRETS = {
    "DATACENTER__DATABASE__URL": "mysql+pymysql://user:secret@db/datacenter",
    "DATACENTER__BROKER__URL": "amqp://user:secret@rabbitmq//",
    "DATACENTER__WEB__SECRET_KEY": "k" * 32,
    "DATACENTER__REGISTRATION__KEYS": "[]",
    "DATACENTER__STORAGES__DEFAULT__OPTIONS__ACCESS_KEY": "access",
    "DATACENTER__STORAGES__DEFAULT__OPTIONS__SECRET_KEY": "secret",
}


def _pod(name: str, component: str = "web") -> Pod:
    return next(pod for pod in pods_of(rendered(name).objects) if pod.component == component)


def _settings(name: str) -> list[str]:
    return [found["data"]["settings.yaml"] for found in of_kind(rendered(name).objects, "ConfigMap")]


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    else:
        yield path, value


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, Pod], Settings]:
    """What the program of a pod reads when it starts."""

    def _start(name: str, pod: Pod) -> Settings:
        file = tmp_path / "settings.yaml"
        file.write_text(_settings(name)[0])
        for entry in pod.main["env"]:
            variable = entry["name"].removesuffix("__FILE")
            monkeypatch.setenv(variable, SECRETS.get(variable, entry.get("value")))
        monkeypatch.setenv("DATACENTER_CONFIG", str(file))
        return load_settings()

    return _start


@pytest.mark.parametrize("name", VALUES)
def test_the_settings_of_the_values_and_the_secrets_are_those_that_the_web_layer_reads(name, start):
    pod = _pod(name)

    settings = start(name, pod)

    ports = {port["name"]: port["containerPort"] for port in pod.main["ports"]}
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", ports["http"])
    assert (settings.metrics.host, settings.web.metrics_port) == ("0.0.0.0", ports["metrics"])
    assert settings.web.port != settings.web.metrics_port
    if name == "full":
        assert settings.limits.total_bytes == 512 << 30
        assert settings.storages["inbox"].role == "source"
    if name == "bare":
        options = settings.storages["default"].options
        assert options == {
            "endpoint": "https://rgw.example.com",
            "access_key": "access",
            "secret_key": "secret",
        }


@pytest.mark.parametrize("name", VALUES)
def test_a_worker_knows_its_grace_where_it_lives_and_where_it_is_scraped(name, start):
    pod = _pod(name, "worker")

    settings = start(name, pod)

    assert pod.spec["terminationGracePeriodSeconds"] >= settings.worker.grace_seconds + 15
    assert settings.health.directory in [mount["mountPath"] for mount in pod.main["volumeMounts"]]
    assert (settings.metrics.host, settings.metrics.port) == (
        "0.0.0.0",
        pod.main["ports"][0]["containerPort"],
    )


@pytest.mark.parametrize("name", VALUES)
def test_the_settings_of_the_migration_are_those_of_everybody(name):
    assert len(set(_settings(name))) == 1
    assert yaml.safe_load(_settings(name)[0]).items() >= values_of(name)["config"].items()


@pytest.mark.parametrize("name", VALUES)
def test_no_secret_is_in_a_config_map_or_in_the_open_in_a_pod(name):
    for text in _settings(name):
        for path, value in _leaves(yaml.safe_load(text)):
            assert not (".options." in path and is_secret(path)), path
            assert not re.search(r"://[^/]*:[^/]*@", str(value)), path
    for pod in pods_of(rendered(name).objects):
        for entry in [entry for container in pod.containers for entry in container.get("env", [])]:
            if entry["name"] in SECRETS or "PASSWORD" in entry["name"].replace("RANDOM_ROOT_PASSWORD", ""):
                assert "value" not in entry, f"{pod}: {entry['name']}"


@pytest.mark.parametrize("name", [name for name in VALUES if name != "dev"])
def test_the_chart_makes_no_secret_of_its_own(name):
    assert of_kind(rendered(name).objects, "Secret") == []


def test_the_passwords_of_embedded_parts_are_in_their_secret_alone():
    objects = rendered("dev").objects
    (secret,) = of_kind(objects, "Secret")
    others = json.dumps([found for found in objects if found is not secret])

    for key in ("database-password", "broker-password", "web-secret-key"):
        assert len(secret["stringData"][key]) >= 32
        assert secret["stringData"][key] not in others
    assert secret["stringData"]["database-password"] in secret["stringData"]["database-url"]
    assert secret["stringData"]["broker-password"] in secret["stringData"]["broker-url"]


def test_each_setting_comes_from_the_secret_that_was_named_for_it():
    values = {
        **values_of("minimal"),
        "secretSettings": {"database.url": {"secret": "mysql", "key": "uri"}, "broker.url": None},
    }

    web = next(pod for pod in pods_of(render(values).objects) if pod.component == "web")

    found = {
        entry["name"]: (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for entry in web.main["env"]
        if "valueFrom" in entry
    }
    assert found == {
        "DATACENTER__DATABASE__URL": ("mysql", "uri"),
        "DATACENTER__WEB__SECRET_KEY": ("datacenter", "web-secret-key"),
    }


def test_secrets_as_files_are_named_by_variables_and_mounted_where_these_say():
    web = _pod("full")
    (volume,) = [volume for volume in web.spec["volumes"] if volume["name"] == "secrets"]
    (mount,) = [mount for mount in web.main["volumeMounts"] if mount["name"] == "secrets"]
    sources = volume["projected"]["sources"]
    files = {
        f"{mount['mountPath']}/{item['path']}" for source in sources for item in source["secret"]["items"]
    }

    named = {entry["value"] for entry in web.main["env"] if entry["name"].endswith("__FILE")}

    assert named == files
    assert len(named) == 4


def test_new_settings_make_new_pods_and_nothing_else_does():
    def sums(**changes: object) -> set[str]:
        values = {**values_of("minimal"), **changes}
        return {
            pod.metadata["annotations"]["checksum/config"]
            for pod in pods_of(render(values).objects)
            if pod.component != "test"
        }

    config = values_of("minimal")["config"]
    before = sums()
    assert len(before) == 1
    assert sums(commonLabels={"team": "datasets"}) == before
    assert sums(config={**config, "ledger": {"attempts": 7}}) != before


def test_a_component_adds_to_what_is_true_of_all_pods_and_changes_it():
    values = {
        **values_of("minimal"),
        "podDefaults": {
            "extraEnv": [{"name": "A", "value": "1"}],
            "priorityClassName": "high",
            "podSecurityContext": {"fsGroup": 5},
        },
        "scheduler": {
            "extraEnv": [{"name": "B", "value": "2"}],
            "priorityClassName": "",
            "podSecurityContext": {"fsGroup": 7},
        },
    }

    pods = {pod.component: pod for pod in pods_of(render(values).objects)}

    assert (pods["scheduler"].variable("A"), pods["scheduler"].variable("B")) == ("1", "2")
    assert "priorityClassName" not in pods["scheduler"].spec
    assert pods["scheduler"].spec["securityContext"]["fsGroup"] == 7
    assert pods["scheduler"].spec["securityContext"]["runAsUser"] == 10001
    assert (pods["web"].variable("A"), pods["web"].variable("B")) == ("1", None)
    assert pods["web"].spec["priorityClassName"] == "high"


def test_annotations_of_deployments_are_those_of_no_pod():
    for name, pod in matrix_pods("web", "worker", "scheduler"):
        if name == "full":
            assert pod.owner["metadata"]["annotations"] == {"example.com/reload": "true"}, str(pod)
            assert "example.com/reload" not in pod.metadata["annotations"], str(pod)


def test_a_nas_is_mounted_wherever_storages_are_used_and_not_where_it_may_not_be_there_yet():
    for name, pod in matrix_pods():
        if name == "full":
            mounts = {mount["mountPath"] for mount in pod.main["volumeMounts"]}
            expected = pod.component in ("web", "worker", "scheduler")
            assert ("/mnt/datasets" in mounts) == expected, str(pod)


def test_a_volume_that_the_chart_made_outlives_the_release():
    (claim,) = of_kind(rendered("full").objects, "PersistentVolumeClaim")

    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "10Ti"
