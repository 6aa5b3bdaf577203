"""Write the chart's values.schema.json: values.schema.yaml, with the schema of the settings class under `config`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from datacenter.ledger.states import JobKind
from datacenter.settings.model import Settings

CHART = Path(__file__).resolve().parents[1] / "helm" / "datacenter"
VALUES = CHART / "values.yaml"
SOURCE = CHART / "values.schema.yaml"
TARGET = CHART / "values.schema.json"
JOINED = frozenset(
    (
        *("alertLabels", "commonLabels", "labels", "podAnnotations", "podLabels"),
        *("extraEnv", "extraVolumeMounts", "livenessProbe", "nas", "readinessProbe"),
    )
)
"""Values that are empty by default and still required, because templates join them with others."""


def schema_text() -> str:
    """The whole of values.schema.json."""
    source = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["schema"]
    schema = _with_required(source, yaml.safe_load(VALUES.read_text(encoding="utf-8")))
    # In the form of draft 7, which Helm 3 reads, too: it has `definitions`, not `$defs`.
    settings = _plain(Settings.model_json_schema(ref_template="#/definitions/{model}"))
    parts = settings.pop("$defs")
    for section in (value["$ref"] for value in settings["properties"].values() if "$ref" in value):
        # A section with only comments is null.
        parts[section.rpartition("/")[2]]["type"] = ["object", "null"]
    schema["properties"]["secretSettings"]["propertyNames"] = {"pattern": f"^({'|'.join(_names())})$"}
    schema["definitions"] = {
        **parts,
        "Settings": settings,
        "JobKind": {"enum": [kind.value for kind in JobKind]},
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _with_required(part: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The same part, which requires every key that has a default, unless its type may be null.

    Helm removes a key that is set to null before the schema sees it, and the templates would then fail. Keys with an
    empty default, or with only comments (null), are not required, except those in `JOINED`.
    """
    properties: dict[str, Any] = part.get("properties", {})
    with_default = {
        name: default
        for name, default in defaults.items()
        if name in properties and (name in JOINED or default not in ("", [], {}))
    }
    if not with_default:
        return part
    within = {
        name: _with_required(properties[name], default)
        for name, default in with_default.items()
        if isinstance(default, dict)
    }
    required = [name for name in with_default if "null" not in properties[name].get("type", ())]
    return {**part, "properties": {**properties, **within}, "required": required}


def _names() -> Iterator[str]:
    """A pattern for each section: the settings that may come from a Secret."""
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield rf"{section}\.({'|'.join(field.annotation.model_fields)})"
    yield r"storages\.[a-z0-9_-]+\.(url|options\.[a-z0-9_]+)"


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    """The part without keys that do not validate anything; a setting with such a name stays."""
    kept = {
        key: value for key, value in part.items() if key not in ("title", "default", "format", "writeOnly")
    }
    for inner in ("properties", "$defs"):
        if inner in kept:
            kept[inner] = {name: _plain(value) for name, value in kept[inner].items()}
    return kept


if __name__ == "__main__":
    TARGET.write_text(schema_text(), encoding="utf-8")
