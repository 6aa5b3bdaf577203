"""The strict schemas of Kubernetes' own objects, read once for each version and kind.

`jsonschema`, and `kubernetes_validate` with it, is imported when a schema is first asked for: it takes 1.5 seconds, and every
process of pytest imports this module.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import referencing

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

OLDEST = "1.29.0"
"""The oldest version that the chart promises to run on (`kubeVersion` in Chart.yaml)."""


@cache
def newest() -> str:
    """The newest version that has a schema."""
    from kubernetes_validate.utils import latest_version

    return str(latest_version())


def faults_of(found: dict[str, Any], version: str) -> list[str]:
    """The faults for which a strict API server of this version would reject the object, each with its path.

    Raises: FileNotFoundError, for a kind that is not Kubernetes' own.
    """
    faults = _validator(version, found["kind"].lower(), found["apiVersion"]).iter_errors(found)
    return [f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in faults]


@cache
def _validator(version: str, kind: str, api: str) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator
    from kubernetes_validate.utils import schema_contents

    # The files are named as kubernetes_validate.utils.validate names them, which would read all of them again each time.
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = schema_contents(f"kubernetes-json-schema/{_folder(version)}/{kind}-{group}.json", version)
    return Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> referencing.Registry[Any]:
    from kubernetes_validate.utils import schema_contents

    contents = schema_contents(f"kubernetes-json-schema/{_folder(version)}/_definitions.json", version)
    return referencing.Resource.from_contents(contents) @ referencing.Registry()


def _folder(version: str) -> str:
    return f"v{version}-local-strict"
