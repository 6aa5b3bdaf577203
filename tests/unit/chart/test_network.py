"""Who may reach whom: every pod is under a policy, and what is open is named."""

from collections.abc import Mapping

import pytest
from support.chart.rendering import VALUES, Object, Pod, of_kind, pods_of, rendered

WITH_POLICIES = [name for name in VALUES if name != "bare"]


def _selects(policy: Object, pod: Pod) -> bool:
    selector = policy["spec"]["podSelector"]
    if not selector.get("matchLabels", {}).items() <= pod.labels.items():
        return False
    return all(
        pod.labels.get(expression["key"]) not in expression["values"]
        for expression in selector.get("matchExpressions", [])
        if expression["operator"] == "NotIn"
    )


def _policies(objects: list[Object], pod: Pod, direction: str) -> list[Object]:
    return [
        policy
        for policy in of_kind(objects, "NetworkPolicy")
        if direction in policy["spec"]["policyTypes"] and _selects(policy, pod)
    ]


def _ports(rules: list[Mapping[str, list[dict[str, object]]]]) -> set[object]:
    return {port["port"] for rule in rules for port in rule.get("ports", [])}


@pytest.mark.parametrize("name", WITH_POLICIES)
def test_no_pod_is_open_to_everything_or_may_reach_everything(name):
    objects = rendered(name).objects

    for pod in pods_of(objects):
        for direction in ("Ingress", "Egress"):
            policies = _policies(objects, pod, direction)
            assert policies, f"{pod}: {direction}"
            for policy in policies:
                for rule in policy["spec"].get(direction.lower(), []):
                    assert rule.get("ports") or rule.get("to"), f"{pod}: {direction}"


@pytest.mark.parametrize("name", WITH_POLICIES)
def test_only_ports_that_a_pod_has_are_open(name):
    objects = rendered(name).objects

    for pod in pods_of(objects):
        rules = [
            rule
            for policy in _policies(objects, pod, "Ingress")
            for rule in policy["spec"].get("ingress", [])
        ]
        open_ports = _ports(rules)
        has = {port["name"] for port in pod.main.get("ports", [])}
        assert has <= open_ports, str(pod)
        assert open_ports <= has or not has, str(pod)


def test_names_of_peers_are_kept_as_they_were_given():
    objects = rendered("full").objects
    web = next(pod for pod in pods_of(objects) if pod.component == "web")
    (policy,) = _policies(objects, web, "Egress")
    reached = {
        (peer["ipBlock"]["cidr"], port["port"])
        for rule in policy["spec"]["egress"]
        for peer in rule["to"]
        for port in rule.get("ports", [])
        if "ipBlock" in peer
    }

    assert reached == {("10.1.2.0/24", 3306), ("10.1.3.0/24", 5671), ("10.1.4.0/24", 443)}


def _callers(name: str, component: str, port: str) -> list[Object] | None:
    """Who may call a port of a component's pods; None is everybody."""
    objects = rendered(name).objects
    pod = next(pod for pod in pods_of(objects) if pod.component == component)
    rules = [
        rule
        for policy in _policies(objects, pod, "Ingress")
        for rule in policy["spec"]["ingress"]
        if port in _ports([rule])
    ]
    assert rules, "nobody"
    everybody = any("from" not in rule for rule in rules)
    return None if everybody else [peer for rule in rules for peer in rule["from"]]


def _space(name: str) -> Object:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def test_where_callers_are_named_the_web_layer_is_called_by_them_and_the_release_itself():
    release = {"app.kubernetes.io/name": "datacenter", "app.kubernetes.io/instance": "dc"}

    assert _callers("full", "web", "http") == [
        _space("ingress"),
        {"podSelector": {"matchLabels": release}},
    ]


@pytest.mark.parametrize("component", ["web", "worker", "scheduler"])
def test_metrics_are_for_whom_is_named_for_them_and_for_everybody_where_nobody_is(component):
    assert _callers("full", component, "metrics") == [_space("monitoring")]
    assert _callers("minimal", component, "metrics") is None


@pytest.mark.parametrize("component", ["database", "broker"])
def test_an_embedded_part_is_reached_by_the_release_alone_and_reaches_nobody(component):
    objects = rendered("dev").objects
    pod = next(pod for pod in pods_of(objects) if pod.component == component)

    (incoming,) = _policies(objects, pod, "Ingress")
    (outgoing,) = _policies(objects, pod, "Egress")

    assert [peer for rule in incoming["spec"]["ingress"] for peer in rule["from"]] == [
        {
            "podSelector": {
                "matchLabels": {"app.kubernetes.io/name": "datacenter", "app.kubernetes.io/instance": "dc"}
            }
        }
    ]
    assert "egress" not in outgoing["spec"]
