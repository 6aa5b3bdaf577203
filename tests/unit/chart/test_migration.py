"""The migration runs before all others, with what it needs, and the others wait for it however they were started."""

import pytest
from support.chart.rendering import (
    VALUES,
    Object,
    is_hook,
    matrix_pods,
    name_of,
    of_kind,
    render,
    rendered,
    values_of,
)
from typer.main import get_command

from datacenter.cli.main import app

HOOK = "helm.sh/hook"
ON_HOOKS = [name for name in VALUES if name not in ("dev", "bare")]


def _hook(found: Object, key: str = HOOK) -> str:
    value: str = found["metadata"]["annotations"][key]
    return value


@pytest.mark.parametrize("name", ON_HOOKS)
def test_the_migration_runs_before_an_install_and_before_an_upgrade(name):
    (job,) = of_kind(rendered(name).objects, "Job")

    assert _hook(job) == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize("name", ON_HOOKS)
def test_a_failed_migration_stays_to_be_read_and_a_good_one_leaves_nothing(name):
    hooks = [
        found
        for found in rendered(name).objects
        if is_hook(found) and found["kind"] not in ("Pod", "ExternalSecret")
    ]
    assert len(hooks) == 4
    for found in hooks:
        assert _hook(found, "helm.sh/hook-delete-policy") == "before-hook-creation,hook-succeeded"


@pytest.mark.parametrize("name", ON_HOOKS)
def test_the_migration_needs_nothing_that_is_made_after_it(name):
    objects = rendered(name).objects
    (job,) = of_kind(objects, "Job")
    spec = job["spec"]["template"]["spec"]
    weight = int(_hook(job, "helm.sh/hook-weight"))
    by_name = {name_of(found): found for found in objects}

    needed = [
        f"ServiceAccount/{spec['serviceAccountName']}",
        *(f"ConfigMap/{volume['configMap']['name']}" for volume in spec["volumes"] if "configMap" in volume),
    ]
    for target in needed:
        assert _hook(by_name[target]) == "pre-install,pre-upgrade", target
        assert int(_hook(by_name[target], "helm.sh/hook-weight")) < weight, target
    assert not any("persistentVolumeClaim" in volume for volume in spec["volumes"])


def test_the_migration_has_a_way_to_the_database_where_everything_else_is_forbidden():
    (policy,) = [found for found in of_kind(rendered("full").objects, "NetworkPolicy") if is_hook(found)]

    assert policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "migration"
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
    assert sorted(ports) == [53, 53, 3306]


def test_with_the_embedded_database_the_migration_is_a_job_of_the_release_because_no_hook_could_reach_it():
    (job,) = of_kind(rendered("dev").objects, "Job")

    assert not is_hook(job)
    (volume,) = [
        volume for volume in job["spec"]["template"]["spec"]["volumes"] if volume["name"] == "settings"
    ]
    assert volume["configMap"]["name"] == "dc-datacenter"


def test_a_new_image_has_a_job_of_its_own_because_jobs_cannot_be_changed():
    values = values_of("dev")
    one, other = (
        of_kind(render({**values, "image": {"repository": "datacenter", "tag": tag}}).objects, "Job")[0]
        for tag in ("1", "2")
    )

    assert one["metadata"]["name"] != other["metadata"]["name"]


@pytest.mark.parametrize("name", [*ON_HOOKS, "dev"])
def test_never_do_two_pods_migrate_at_once(name):
    (job,) = of_kind(rendered(name).objects, "Job")

    assert job["spec"].get("parallelism", 1) == 1
    assert job["spec"]["podReplacementPolicy"] == "Failed"


def test_what_makes_the_secret_comes_before_the_migration_and_its_secret_outlives_it():
    objects = rendered("full").objects
    (external,) = of_kind(objects, "ExternalSecret")
    (job,) = of_kind(objects, "Job")

    assert _hook(external) == _hook(job)
    assert int(_hook(external, "helm.sh/hook-weight")) < int(_hook(job, "helm.sh/hook-weight"))
    assert external["spec"]["target"]["creationPolicy"] == "Orphan"


def test_without_a_migration_there_is_no_job_and_pods_wait_all_the_same():
    assert of_kind(rendered("bare").objects, "Job") == []
    assert "datacenter migrate" in rendered("bare").notes


def test_everybody_waits_until_the_schema_serves_this_release():
    for _, pod in matrix_pods("web", "worker", "scheduler"):
        waiting = pod.spec["initContainers"][-1]
        assert waiting["name"] == "wait-for-schema", str(pod)
        assert waiting["image"] == pod.main["image"], str(pod)
        assert [*waiting["command"], *waiting["args"]] == [
            "datacenter",
            "migrate",
            "--check",
            "--wait",
            "300",
        ]


def test_the_commands_of_the_migration_are_commands_that_there_are():
    migrate = get_command(app).commands["migrate"]  # type: ignore[attr-defined]
    for _, pod in matrix_pods("web", "migration"):
        for container in [*pod.spec.get("initContainers", [])[-1:], pod.main]:
            if container["name"] in ("wait-for-schema", "migration"):
                context = migrate.make_context("migrate", list(container["args"][1:]))
                assert context.params["wait"] == 300
                assert context.params["check"] == (container["name"] == "wait-for-schema")
