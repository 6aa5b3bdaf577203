"""What objects say of one another: every name leads somewhere, every selector meets the pods it is meant for."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from support.chart.rendering import VALUES, Object, Pod, name_of, of_kind, pods_of, rendered, values_of


def _references(pod: Pod) -> Iterator[tuple[str, str]]:
    """Kind and name of everything that a pod needs to start."""
    for volume in pod.spec.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        for source in volume.get("projected", {}).get("sources", []):
            yield "Secret", source["secret"]["name"]
    for container in pod.containers:
        for entry in container.get("env", []):
            if "secretKeyRef" in entry.get("valueFrom", {}):
                yield "Secret", entry["valueFrom"]["secretKeyRef"]["name"]
        for entry in container.get("envFrom", []):
            if "configMapRef" in entry:
                yield "ConfigMap", entry["configMapRef"]["name"]
    yield "ServiceAccount", pod.spec.get("serviceAccountName", "default")


def _texts(value: Any) -> Iterator[str]:
    """Every string in the values: what a user named is taken to be there."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _meets(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return selector.items() <= labels.items()


def _services(objects: list[Object]) -> list[Object]:
    return of_kind(objects, "Service")


@pytest.mark.parametrize("name", VALUES)
def test_everything_that_a_pod_needs_is_made_by_the_chart_or_named_by_its_user(name):
    objects = rendered(name).objects
    made = {(found["kind"], found["metadata"]["name"]) for found in objects}
    named = {"default", *_texts(values_of(name))}

    for pod in pods_of(objects):
        for kind, target in _references(pod):
            assert (kind, target) in made or target in named, f"{pod}: {kind}/{target}"


@pytest.mark.parametrize("name", VALUES)
def test_keys_of_secrets_that_the_chart_makes_are_in_them(name):
    objects = rendered(name).objects
    made = {found["metadata"]["name"]: found["stringData"].keys() for found in of_kind(objects, "Secret")}

    for pod in pods_of(objects):
        for container in pod.containers:
            for entry in container.get("env", []):
                reference = entry.get("valueFrom", {}).get("secretKeyRef")
                if reference and reference["name"] in made:
                    assert reference["key"] in made[reference["name"]], f"{pod}: {reference}"


@pytest.mark.parametrize("name", VALUES)
def test_a_selector_meets_the_pods_of_its_own_deployment_and_of_no_other(name):
    objects = rendered(name).objects
    owners = of_kind(objects, "Deployment", "StatefulSet")

    for owner in owners:
        selector = owner["spec"]["selector"]["matchLabels"]
        met = [str(pod) for pod in pods_of(objects) if _meets(selector, pod.labels)]
        assert met == [name_of(owner)]


@pytest.mark.parametrize("name", VALUES)
def test_a_selector_holds_nothing_that_a_new_version_changes(name):
    for owner in of_kind(rendered(name).objects, "Deployment", "StatefulSet"):
        keys = owner["spec"]["selector"]["matchLabels"].keys()
        assert keys <= {
            "app.kubernetes.io/name",
            "app.kubernetes.io/instance",
            "app.kubernetes.io/component",
            "datacenter/worker",
        }


@pytest.mark.parametrize("name", VALUES)
def test_a_service_leads_to_the_pods_of_one_owner_on_ports_that_they_have(name):
    objects = rendered(name).objects
    assert len(_services(objects)) >= 3

    for service in _services(objects):
        met = [pod for pod in pods_of(objects) if _meets(service["spec"]["selector"], pod.labels)]
        assert len(met) == 1, name_of(service)
        ports = {port["name"] for port in met[0].main["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, name_of(service)


@pytest.mark.parametrize("name", VALUES)
def test_a_disruption_budget_is_for_the_pods_of_one_deployment_and_lets_nodes_be_drained(name):
    objects = rendered(name).objects

    for budget in of_kind(objects, "PodDisruptionBudget"):
        met = [
            pod for pod in pods_of(objects) if _meets(budget["spec"]["selector"]["matchLabels"], pod.labels)
        ]
        assert len(met) == 1, name_of(budget)
        assert budget["spec"]["maxUnavailable"] == 1, name_of(budget)
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@pytest.mark.parametrize("name", VALUES)
def test_what_scales_a_deployment_names_one_that_has_no_number_of_pods_of_its_own(name):
    objects = rendered(name).objects
    scaled = {
        found["spec"]["scaleTargetRef"]["name"]
        for found in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    }

    deployments = {found["metadata"]["name"]: found for found in of_kind(objects, "Deployment")}
    assert scaled <= deployments.keys()
    for deployment, found in deployments.items():
        assert ("replicas" in found["spec"]) == (deployment not in scaled), deployment


def test_an_autoscaler_measures_a_container_that_there_is():
    objects = rendered("minimal").objects
    pods = {pod.owner["metadata"]["name"]: pod for pod in pods_of(objects)}

    scalers = of_kind(objects, "HorizontalPodAutoscaler")
    assert len(scalers) == 4
    for scaler in scalers:
        measured = scaler["spec"]["metrics"][0]["containerResource"]["container"]
        assert pods[scaler["spec"]["scaleTargetRef"]["name"]].main["name"] == measured


def test_an_ingress_and_the_service_behind_it_lead_to_the_port_for_requests_alone():
    objects = rendered("full").objects
    (ingress,) = of_kind(objects, "Ingress")
    services = {found["metadata"]["name"]: found for found in _services(objects)}

    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            ports = {port["name"] for port in services[backend["name"]]["spec"]["ports"]}
            assert backend["port"] == {"name": "http"}
            assert ports == {"http"}


def test_prometheus_finds_the_web_layer_the_scheduler_and_each_worker():
    objects = rendered("full").objects
    (monitor,) = of_kind(objects, "ServiceMonitor")
    selector = monitor["spec"]["selector"]["matchLabels"]
    ports = {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]}
    assert ports == {"metrics"}

    met = {
        service["metadata"]["name"].removeprefix("datacenter-")
        for service in _services(objects)
        if _meets(selector, service["metadata"]["labels"])
        and ports & {port["name"] for port in service["spec"]["ports"]}
    }

    assert met == {"web-metrics", "scheduler", "worker-import", "worker-archives", "worker-cleaning"}


def test_constraints_of_spread_count_the_pods_of_their_own_deployment():
    for pod in pods_of(rendered("minimal").objects):
        for constraint in pod.spec.get("topologySpreadConstraints", []):
            selector = pod.owner["spec"]["selector"]["matchLabels"]
            assert constraint["labelSelector"]["matchLabels"] == selector, str(pod)
            assert constraint["matchLabelKeys"] == ["pod-template-hash"], str(pod)


def test_pods_of_the_embedded_shape_are_kept_together_by_labels_that_they_have():
    pods = [
        pod for pod in pods_of(rendered("dev").objects) if pod.component in ("web", "worker", "scheduler")
    ]

    for pod in pods:
        (term,) = pod.spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (expression,) = term["labelSelector"]["matchExpressions"]
        for other in pods:
            assert _meets(term["labelSelector"]["matchLabels"], other.labels)
            assert other.labels[expression["key"]] in expression["values"]
