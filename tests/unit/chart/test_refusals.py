"""Wrong values are refused before anything is installed, in words that name the value."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from support.chart.rendering import CHART, ROOT, of_kind, pods_of, render, values_of

BY_SCHEMA = {
    "an unknown value": ({"replicas": 2}, "additional properties 'replicas' not allowed"),
    "an unknown key of the web layer": ({"web": {"replica": 2}}, "'/web': additional properties 'replica'"),
    "an unknown key of a worker": (
        {"workers": {"import": {"concurency": 2}}},
        "'/workers/import': additional properties 'concurency'",
    ),
    "an unknown key of the autoscaling": (
        {"workerDefaults": {"autoscaling": {"max": 2}}},
        "'/workerDefaults/autoscaling': additional properties 'max'",
    ),
    "a queue that there is not": (
        {"workers": {"import": {"queues": ["imports"]}}},
        "'/workers/import/queues/0': value must be one of 'import', 'export', 'download', 'delete'",
    ),
    "a worker without queues": ({"workers": {"more": {}}}, "'/workers/more': missing property 'queues'"),
    "queues as one text": (
        {"workers": {"import": {"queues": "import"}}},
        "'/workers/import/queues': got string",
    ),
    "no queue": ({"workers": {"import": {"queues": []}}}, "'/workers/import/queues': minItems"),
    "a name that no object may have": ({"workers": {"Big_One": {"queues": ["import"]}}}, "'Big_One'"),
    "a number of pods as text": ({"web": {"replicas": "two"}}, "'/web/replicas': got string, want integer"),
    "a concurrency of none": (
        {"workers": {"import": {"concurrency": 0}}},
        "'/workers/import/concurrency': minimum",
    ),
    "a port out of range": ({"web": {"port": 80800}}, "'/web/port': maximum"),
    "a digest that is none": ({"image": {"digest": "sha256:12"}}, "'/image/digest'"),
    "a size without sense": ({"podDefaults": {"tmpSize": "much"}}, "'/podDefaults/tmpSize'"),
    "labels that are no text": (
        {"commonLabels": {"team": 7}},
        "'/commonLabels/team': got number, want string",
    ),
    "secrets in an unknown way": ({"secretsAs": "file"}, "'/secretsAs': value must be one of"),
    "a secret as a value": (
        {"secretSettings": {"web.secret_key": "0123"}},
        "'/secretSettings/web.secret_key'",
    ),
    "a secret without a key": ({"secretSettings": {"a.b": {"secret": "s"}}}, "missing property 'key'"),
    "a secret for a setting that there is not": (
        {"secretSettings": {"databse.url": {"key": "k"}}},
        "invalid propertyName 'databse.url'",
    ),
    "an unknown scaler": (
        {"workerDefaults": {"autoscaling": {"type": "vpa"}}},
        "'/workerDefaults/autoscaling/type'",
    ),
    "egress without ports": ({"networkPolicy": {"egress": {"nfs": {"to": []}}}}, "missing property 'ports'"),
    "a volume without a place": ({"nas": {"more": {"existingClaim": "c"}}}, "missing property 'mountPath'"),
    "a section of a section that is null": ({"web": {"service": None}}, "'/web': missing property 'service'"),
    "a number that is null": ({"web": {"port": None}}, "'/web': missing property 'port'"),
    "a list that is null": (
        {"podDefaults": {"extraEnv": None}},
        "'/podDefaults': missing property 'extraEnv'",
    ),
    "a choice that is null": (
        {"workerDefaults": {"autoscaling": {"type": None}}},
        "'/workerDefaults/autoscaling': missing property 'type'",
    ),
    "an unknown setting": ({"config": {"databse": {}}}, "'/config': additional properties 'databse'"),
    "an unknown key of a setting": (
        {"config": {"ledger": {"lease": 3}}},
        "'/config/ledger': additional properties 'lease'",
    ),
    "a setting of the wrong type": (
        {"config": {"ledger": {"lease_seconds": "long"}}},
        "'/config/ledger/lease_seconds': got string, want number",
    ),
    "a setting out of range": (
        {"config": {"database": {"pool_size": 0}}},
        "'/config/database/pool_size': minimum",
    ),
    "an unknown environment": (
        {"config": {"environment": "prod"}},
        "'/config/environment': value must be one of",
    ),
    "a storage without its kind": (
        {"config": {"storages": {"more": {"url": "nas:///mnt"}}}},
        "'/config/storages/more': missing property 'kind'",
    ),
}
"""What the schema sees: the value's path, and what is wrong with it."""

BY_SENSE = {
    "no image": (
        {"image": {"repository": ""}},
        "image.repository: name where the image is",
    ),
    "no secret": (
        {"existingSecret": ""},
        "existingSecret: name the Secret that holds broker.url under the key broker-url",
    ),
    "no address for links": (
        {"config": {"web": {"public_url": ""}}},
        "config.web.public_url: production needs the address that download links begin with",
    ),
    "another default storage": (
        {"config": {"default_storage": "lake"}},
        "config.storages: there is no storage named lake; add it, or name another as config.default_storage",
    ),
    "the signing key among the settings": (
        {"config": {"web": {"secret_key": "k" * 32}}},
        "config.web.secret_key: a secret does not belong in the values; put it into a Secret and name that as "
        "secretSettings.web.secret_key",
    ),
    "Fernet keys among the settings": (
        {"config": {"registration": {"keys": ["k"]}}},
        "config.registration.keys: a secret does not belong in the values",
    ),
    "a key of a storage among the settings": (
        {
            "config": {
                "storages": {"rgw": {"kind": "ceph", "url": "ceph://b", "options": {"secret_key": "s"}}}
            }
        },
        "config.storages.rgw.options.secret_key: a secret does not belong in the values",
    ),
    "a port that the chart gives": (
        {"config": {"web": {"port": 9000}}},
        "config.web.port: the chart sets it to 8080; set web.port, or remove it",
    ),
    "a port for metrics that the chart gives": (
        {"config": {"web": {"metrics_port": 9000}}},
        "config.web.metrics_port: the chart sets it to 9100; set metrics.port, or remove it",
    ),
    "metrics where requests go": (
        {"web": {"port": 9100}},
        "metrics.port: 9100 is also web.port; change one of them",
    ),
    "an address that the chart gives": (
        {"config": {"metrics": {"host": "::"}}},
        "config.metrics.host: the chart sets it to 0.0.0.0; remove it",
    ),
    "a variable that the chart gives": (
        {"web": {"extraEnv": [{"name": "DATACENTER__WEB__PORT", "value": "9000"}]}},
        "extraEnv: DATACENTER__WEB__PORT is given twice, or by the chart itself; leave it out",
    ),
    "a password in a URL": (
        {"config": {"database": {"url": "mysql+pymysql://user:hidden@db/datacenter"}}},
        "config.database.url: a URL with a password does not belong in the values",
    ),
    "a NAS on no volume": (
        {"config": {"storages": {"inbox": {"kind": "nas", "url": "nas:///mnt/inbox", "role": "source"}}}},
        "config.storages.inbox.url: /mnt/inbox is not on a mounted volume; add one under nas",
    ),
    "a volume that is two things": (
        {"nas": {"datasets": {"nfs": {"server": "nas", "path": "/"}}}},
        "nas.datasets: give one of existingClaim, create and nfs",
    ),
    "a volume that is nothing": (
        {"nas": {"more": {"mountPath": "/mnt/more"}}},
        "nas.more: give one of existingClaim, create and nfs",
    ),
    "no worker": (
        {"workers": {"import": None, "export": None, "delete": None}},
        "workers: no entry is left",
    ),
    "a worker's grace as long as its pod's": (
        {"workers": {"delete": {"graceSeconds": 120}}},
        "workers.delete.terminationGracePeriodSeconds: 120 seconds would kill the pod before it has stopped; "
        "set 135 or more",
    ),
    "a web pod that is ended while it drains": (
        {"web": {"drainSeconds": 20}},
        "web.terminationGracePeriodSeconds: 30 seconds would kill the pod before it has stopped; set 35 or more",
    ),
    "an ingress for nobody": (
        {"web": {"ingress": {"enabled": True}}},
        "web.ingress.hosts: name at least one",
    ),
    "a migration without a way to its database": (
        {"networkPolicy": {"egress": {"database": None, "mysql": {"ports": [{"port": 3306}]}}}},
        "networkPolicy.egress.database: the migration has no other way to the database",
    ),
    "scaling to nothing on CPU": (
        {"workers": {"export": {"autoscaling": {"minReplicas": 0}}}},
        "workers.export.autoscaling.minReplicas: CPU keeps one pod at least; only workers of the type keda go to 0",
    ),
    "more pods at least than at most": (
        {"web": {"autoscaling": {"minReplicas": 7}}},
        "web.autoscaling.minReplicas: 7 is more than maxReplicas (6); lower it",
    ),
    "KEDA without Prometheus": (
        {"workers": {"export": {"autoscaling": {"type": "keda"}}}},
        "workers.export.autoscaling.keda.serverAddress: name the Prometheus",
    ),
}
"""What only a template sees: the value's name, and the cure."""

SECTIONS = [
    name
    for name, default in yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")).items()
    if isinstance(default, dict)
]
"""What stands at the top of the values and holds others."""
IMAGE = {"repository": "datacenter"}
NOT_OF_A_CLUSTER = ("the chart sets it to", "a URL with a password does not belong in the values")
"""Why a settings file that is meant for one machine is refused."""


def _over(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        inner = values.get(key)
        values[key] = (
            _over(dict(inner), value) if isinstance(inner, dict) and isinstance(value, dict) else value
        )
    return values


@pytest.mark.parametrize(
    ("changes", "words"), [*BY_SCHEMA.values(), *BY_SENSE.values()], ids=[*BY_SCHEMA, *BY_SENSE]
)
def test_a_wrong_value_is_refused_by_its_name(changes, words):
    refusal = render(_over(values_of("minimal"), changes)).refusal

    assert words in " ".join(refusal.split())
    assert "hidden" not in refusal


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_that_is_null_is_refused_by_its_name(section):
    refusal = render({**values_of("minimal"), section: None}).refusal

    assert f"at '': missing property '{section}'" in refusal


def test_null_takes_away_what_may_be_missing():
    none = {"podSecurityContext": None, "securityContext": None}
    scaling = {"behavior": None}
    values = _over(
        values_of("minimal"),
        {
            "image": {"tag": None},
            "imagePullSecrets": None,
            "extraObjects": None,
            "podDefaults": {**none, "tolerations": None, "nodeSelector": None, "affinity": None},
            "scheduler": none,
            "web": {
                "resources": {"limits": None},
                "autoscaling": scaling,
                "podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": None},
                "ingress": {"className": None},
            },
            "workerDefaults": {"autoscaling": scaling, "strategy": {"rollingUpdate": None}},
            "workers": {"delete": None},
            "secretSettings": {"broker.url": None},
            "networkPolicy": {"egress": {"storages": None}},
        },
    )

    rendering = render(values)

    assert rendering.refusal == ""
    (pod,) = [pod for pod in pods_of(rendering.objects) if pod.component == "web"]
    assert pod.main["resources"]["requests"]
    assert not pod.main["resources"].get("limits")
    assert not pod.spec["securityContext"]
    scalers = of_kind(rendering.objects, "HorizontalPodAutoscaler")
    assert {"web", "import"} <= {scaler["metadata"]["name"].rpartition("-")[2] for scaler in scalers}
    assert not any("behavior" in scaler["spec"] for scaler in scalers)


@pytest.mark.parametrize("setting", ["database.url", "broker.url", "web.secret_key"])
def test_embedded_parts_cannot_do_without_what_they_write_into_their_secret(setting):
    refusal = render({**values_of("dev"), "secretSettings": {setting: None}}).refusal

    assert f"secretSettings.{setting}: keep it; its key is where the embedded parts write it" in refusal


def test_the_default_values_ask_first_for_what_nobody_can_guess():
    assert "image.repository: name where the image is" in render({}).refusal
    assert "there is no storage named default" in render({"image": IMAGE, "existingSecret": "s"}).refusal
    assert "existingSecret: name the Secret" in render({"image": IMAGE}).refusal


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_a_settings_file_of_the_project_can_stand_under_config_or_is_told_what_in_it_is_for_one_machine(path):
    values = {**values_of("minimal"), "config": yaml.safe_load(path.read_text(encoding="utf-8"))}

    refusal = render(values).refusal

    assert refusal == "" or any(reason in refusal for reason in NOT_OF_A_CLUSTER)


def test_a_section_of_which_every_line_is_a_comment_is_no_mistake():
    assert render(_over(values_of("minimal"), {"config": {"database": None, "broker": None}})).refusal == ""


def test_a_nas_below_a_volume_of_ones_own_is_no_mistake():
    changes = {
        "config": {"storages": {"default": {"url": "nas:///data/sets"}}},
        "podDefaults": {
            "extraVolumes": [{"name": "data", "csi": {"driver": "nas.example.com"}}],
            "extraVolumeMounts": [{"name": "data", "mountPath": "/data"}],
        },
    }

    assert render(_over(values_of("minimal"), changes)).refusal == ""
