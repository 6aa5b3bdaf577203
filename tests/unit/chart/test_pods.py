"""What runs in a pod: with few rights, as a command and no shell, with probes, and with time to stop."""

from pathlib import PurePosixPath

import pytest
from support.chart.rendering import VALUES, matrix_pods, pods_of, render, rendered, values_of

from datacenter.ledger.states import JobKind
from datacenter.settings.model import Settings
from datacenter.web.server import STOP_SECONDS

QUEUES = {kind.value for kind in JobKind}
COMMANDS = {
    "web": ["datacenter", "serve"],
    "worker": ["datacenter-worker", "--queues"],
    "scheduler": ["datacenter-scheduler"],
    "migration": ["datacenter", "migrate", "--wait"],
}
HOSTS = {"http": "DATACENTER__WEB__HOST", "metrics": "DATACENTER__METRICS__HOST"}
PORTS = {
    "web": {"http": "DATACENTER__WEB__PORT", "metrics": "DATACENTER__WEB__METRICS_PORT"},
    "worker": {"metrics": "DATACENTER__METRICS__PORT"},
    "scheduler": {"metrics": "DATACENTER__METRICS__PORT"},
}
"""The variables with the ports of its container."""
HANDING_BACK_SECONDS = 15
"""What a pod's grace must be longer by than its worker's, as `worker.grace_seconds` says."""
SLOW_STORAGE = 5 << 20
"""Bytes a second at which a shard should still have its whole grace to end in."""


@pytest.mark.parametrize("name", VALUES)
def test_every_container_has_no_more_rights_than_it_needs(name):
    for pod in pods_of(rendered(name).objects):
        assert pod.spec["securityContext"]["runAsNonRoot"] is True, str(pod)
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, str(pod)
        assert pod.spec["automountServiceAccountToken"] is False, str(pod)
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys(), str(pod)
        assert not any("hostPath" in volume for volume in pod.spec.get("volumes", [])), str(pod)
        for container in pod.containers:
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False, f"{pod}: {container['name']}"
            assert rights["readOnlyRootFilesystem"] is True, f"{pod}: {container['name']}"
            assert rights["capabilities"] == {"drop": ["ALL"]}, f"{pod}: {container['name']}"
            assert not rights.get("privileged"), f"{pod}: {container['name']}"


def test_users_and_groups_can_be_left_to_the_cluster():
    context = next(pod for name, pod in matrix_pods("web") if name == "bare").spec["securityContext"]

    assert not {"runAsUser", "runAsGroup", "fsGroup"} & {key for key, value in context.items() if value}
    assert context["runAsNonRoot"] is True


@pytest.mark.parametrize("name", VALUES)
def test_every_container_says_what_it_needs_and_how_much_memory_it_may_take(name):
    for pod in pods_of(rendered(name).objects):
        for container in pod.containers:
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys(), f"{pod}: {container['name']}"
            assert "memory" in resources["limits"], f"{pod}: {container['name']}"


def test_commands_are_run_without_a_shell_so_that_signals_reach_them():
    for _, pod in matrix_pods(*COMMANDS):
        command = [*pod.main["command"], *pod.main.get("args", [])]
        assert command[: len(COMMANDS[pod.component])] == COMMANDS[pod.component], str(pod)
        assert all(isinstance(word, str) for word in command), str(pod)


def test_a_worker_is_told_its_queues_as_one_would_type_them():
    found = {
        pod.labels["datacenter/worker"]: pod.main["args"]
        for name, pod in matrix_pods("worker")
        if name == "full"
    }

    assert found == {
        "import": ["--queues", "import", "--concurrency", "4"],
        "archives": ["--queues", "export,download", "--concurrency", "2"],
        "cleaning": ["--queues", "delete", "--concurrency", "2"],
    }


def test_workers_are_only_told_queues_that_there_are():
    for _, pod in matrix_pods("worker"):
        assert set(pod.main["args"][1].split(",")) <= QUEUES, str(pod)


def test_a_pod_lives_longer_than_its_worker_needs_to_stop_and_that_is_longer_than_a_shard():
    shard_seconds = Settings.model_fields["shards"].default.size_bytes / SLOW_STORAGE
    for _, pod in matrix_pods("worker"):
        grace = float(pod.variable("DATACENTER__WORKER__GRACE_SECONDS") or 0)
        assert pod.spec["terminationGracePeriodSeconds"] >= grace + HANDING_BACK_SECONDS, str(pod)
        assert grace > shard_seconds, str(pod)


def test_a_web_pod_lives_longer_than_its_server_needs_to_stop():
    for _, pod in matrix_pods("web"):
        drained = float(pod.main["lifecycle"]["preStop"]["exec"]["command"][1])
        assert pod.spec["terminationGracePeriodSeconds"] > drained + STOP_SECONDS, str(pod)


def test_whoever_serves_for_long_has_every_probe_on_a_port_or_command_that_there_is():
    for _, pod in matrix_pods("web", "worker", "scheduler"):
        ports = {port["name"] for port in pod.main["ports"]}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = pod.main[kind]
            if kind == "readinessProbe" and pod.component != "web":
                assert probe["exec"]["command"] == ["datacenter", "health", pod.component, "--ready"], str(
                    pod
                )
            else:
                assert probe["httpGet"]["port"] in ports, str(pod)
                assert probe["httpGet"]["path"] == ("/readyz" if kind == "readinessProbe" else "/healthz"), (
                    str(pod)
                )


def test_a_probe_can_be_changed_key_by_key():
    values = {**values_of("minimal"), "web": {"livenessProbe": {"periodSeconds": 7}}}

    web = next(pod for pod in pods_of(render(values).objects) if pod.component == "web")

    assert web.main["livenessProbe"]["periodSeconds"] == 7
    assert web.main["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}


def test_ports_are_those_on_which_the_program_is_told_to_listen():
    for _, pod in matrix_pods(*PORTS):
        ports = {port["name"]: str(port["containerPort"]) for port in pod.main["ports"]}
        variables = {name: pod.variable(variable) for name, variable in PORTS[pod.component].items()}
        assert ports == variables, str(pod)
        for name in ports:
            assert pod.variable(HOSTS[name]) == "0.0.0.0", f"{pod}: {name}"


def test_the_image_is_named_by_its_digest_else_by_its_tag_else_by_the_charts_version():
    images = {name: pod.main["image"] for name, pod in matrix_pods("web")}

    assert images["full"].startswith("registry.example.com/ml/datacenter@sha256:0123")
    assert images["bare"] == "registry.example.com/datacenter:2026.11"
    assert images["minimal"] == "registry.example.com/datacenter:0.1.0"


def test_every_image_is_pulled_with_the_secrets_that_were_named():
    pods = pods_of(render({**values_of("dev"), "imagePullSecrets": [{"name": "registry"}]}).objects)

    assert {"database", "broker", "web"} <= {pod.component for pod in pods}
    for pod in pods:
        assert pod.spec["imagePullSecrets"] == [{"name": "registry"}], str(pod)


RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
"""Volumes of the profile `restricted`. Source: Kubernetes' Pod Security Standards."""


@pytest.mark.parametrize("name", VALUES)
def test_volumes_are_those_that_restricted_pod_security_admits_unless_the_values_ask_for_nfs(name):
    asked = {f"nas-{volume}" for volume, given in values_of(name).get("nas", {}).items() if "nfs" in given}
    for pod in pods_of(rendered(name).objects):
        for volume in pod.spec.get("volumes", []):
            if volume["name"] not in asked:
                assert volume.keys() - {"name"} <= RESTRICTED_VOLUMES, f"{pod}: {volume['name']}"


def test_no_variable_that_kubernetes_makes_of_services_can_be_taken_for_a_setting():
    for _, pod in matrix_pods():
        assert pod.spec["enableServiceLinks"] is False, str(pod)


def test_every_mount_has_its_volume_and_every_volume_its_mount():
    for _, pod in matrix_pods():
        volumes = {volume["name"] for volume in pod.spec["volumes"]}
        mounts = [mount for container in pod.containers for mount in container.get("volumeMounts", [])]
        assert {mount["name"] for mount in mounts} == volumes, str(pod)
        for container in pod.containers:
            paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            assert len(set(paths)) == len(paths), f"{pod}: {container['name']}"


def test_no_mount_lies_within_another_where_no_place_for_it_could_be_made():
    for _, pod in matrix_pods():
        for container in pod.containers:
            paths = [PurePosixPath(mount["mountPath"]) for mount in container.get("volumeMounts", [])]
            assert not [path for path in paths if set(path.parents) & set(paths)], (
                f"{pod}: {container['name']}"
            )


def test_a_sign_of_life_has_a_volume_of_its_own():
    for _, pod in matrix_pods("worker", "scheduler"):
        directory = pod.variable("DATACENTER__HEALTH__DIRECTORY")
        assert directory in [mount["mountPath"] for mount in pod.main["volumeMounts"]], str(pod)
