"""How many pods there are: by CPU without anything else, by the depth of the queues with KEDA, or as one says."""

import pytest
from support.chart.rendering import of_kind, pods_of, render, rendered, values_of

PROBE_SECONDS = 2.5
"""Of a core, that `datacenter health worker --ready` took on a busy machine."""
WITH_KEDA = {"type": "keda", "keda": {"serverAddress": "http://prometheus:9090"}}


def _scaled(worker: dict[str, object]) -> dict[str, object]:
    """The one object that scales the one worker."""
    values = {**values_of("minimal"), "web": {"autoscaling": {"enabled": False}}}
    values["workers"] = {"import": None, "export": None, "delete": None, "cleaning": worker}
    objects = render(values).objects
    (found,) = of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    return found


def test_a_worker_scales_on_cpu_unless_it_is_told_otherwise():
    found = _scaled({"queues": ["delete"], "autoscaling": {"maxReplicas": 40}})

    assert found["kind"] == "HorizontalPodAutoscaler"
    assert (found["spec"]["minReplicas"], found["spec"]["maxReplicas"]) == (1, 40)
    assert found["spec"]["behavior"] == {"scaleDown": {"stabilizationWindowSeconds": 300}}


def test_probes_that_start_programs_take_too_little_to_scale_a_worker_that_has_nothing_to_do():
    objects = rendered("minimal").objects
    pods = {pod.owner["metadata"]["name"]: pod for pod in pods_of(objects)}
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        main = pods[scaler["spec"]["scaleTargetRef"]["name"]].main
        requested = int(main["resources"]["requests"]["cpu"].removesuffix("m"))
        (metric,) = scaler["spec"]["metrics"]
        target = metric["containerResource"]["target"]["averageUtilization"]

        started = [main[kind] for kind in ("livenessProbe", "readinessProbe") if "exec" in main[kind]]
        taken = sum(1000 * PROBE_SECONDS / probe["periodSeconds"] for probe in started)

        assert 100 * taken / requested < target / 2, scaler["metadata"]["name"]


def test_with_keda_a_worker_follows_what_waits_and_what_is_being_worked_on_in_its_own_queues():
    found = _scaled({"queues": ["export", "download"], "autoscaling": {**WITH_KEDA, "minReplicas": 0}})

    assert found["kind"] == "ScaledObject"
    assert (found["spec"]["minReplicaCount"], found["spec"]["maxReplicaCount"]) == (0, 8)
    (trigger,) = found["spec"]["triggers"]
    which = '{namespace="datasets",queue=~"export|download"}'
    assert trigger["metadata"] == {
        "serverAddress": "http://prometheus:9090",
        "threshold": "20",
        "query": f"sum(max by (queue) (datacenter_queue_ready_shards{which} + datacenter_queue_leased_shards{which}))",
        "ignoreNullValues": "false",
    }


def test_the_query_can_be_ones_own_and_knows_the_release():
    scaling = {"type": "keda", "keda": {**WITH_KEDA["keda"], "query": "depth{release='{{ .Release.Name }}'}"}}

    found = _scaled({"queues": ["delete"], "autoscaling": scaling})

    assert found["spec"]["triggers"][0]["metadata"]["query"] == "depth{release='dc'}"


@pytest.mark.parametrize("replicas", [0, 3])
def test_a_number_of_pods_is_kept_where_nothing_scales(replicas):
    values = values_of("minimal")
    values["workers"] = {"import": {"autoscaling": {"enabled": False}, "replicas": replicas}}

    deployments = of_kind(render(values).objects, "Deployment")

    (found,) = [found for found in deployments if found["metadata"]["name"].endswith("worker-import")]
    assert found["spec"]["replicas"] == replicas


def test_a_disruption_budget_of_ones_own_kind_takes_the_place_of_the_default():
    budget = {"podDisruptionBudget": {"minAvailable": "50%"}}
    objects = render({**values_of("minimal"), "web": budget, "workers": {"delete": budget}}).objects

    found = {found["metadata"]["name"]: found["spec"] for found in of_kind(objects, "PodDisruptionBudget")}

    for name in ("web", "worker-delete"):
        assert found[f"dc-datacenter-{name}"]["minAvailable"] == "50%"
        assert "maxUnavailable" not in found[f"dc-datacenter-{name}"]
    assert found["dc-datacenter-worker-import"]["maxUnavailable"] == 1


def test_there_is_always_one_scheduler():
    (found,) = [
        found
        for found in of_kind(rendered("full").objects, "Deployment")
        if found["metadata"]["name"].endswith("scheduler")
    ]

    assert found["spec"]["replicas"] == 1
    assert found["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
