"""The strict schemas of Kubernetes' own objects, read once for each version and kind."""

import re
from functools import cache
from typing import Any

import referencing
from jsonschema import Draft202012Validator
from kubernetes_validate.utils import latest_version, schema_contents

OLDEST = "1.29.0"
"""The oldest version that the chart promises to run on (`kubeVersion` in Chart.yaml)."""
NEWEST = latest_version()
"""The newest that has a schema."""


def faults_of(found: dict[str, Any], version: str) -> list[str]:
    """What a strict API server of this version would refuse, each fault with its path.

    Raises: FileNotFoundError, for a kind that is not Kubernetes' own.
    """
    faults = _validator(version, found["kind"].lower(), found["apiVersion"]).iter_errors(found)
    return [f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in faults]


@cache
def _validator(version: str, kind: str, api: str) -> Draft202012Validator:
    # The files are named as kubernetes_validate.utils.validate names them, which would read all of them again each time.
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = schema_contents(f"kubernetes-json-schema/{_folder(version)}/{kind}-{group}.json", version)
    return Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> referencing.Registry[Any]:
    contents = schema_contents(f"kubernetes-json-schema/{_folder(version)}/_definitions.json", version)
    return referencing.Resource.from_contents(contents) @ referencing.Registry()


def _folder(version: str) -> str:
    return f"v{version}-local-strict"
