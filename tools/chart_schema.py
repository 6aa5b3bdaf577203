"""values.schema.json of the chart: values.schema.yaml, and under `config` what the settings class takes."""

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
"""What is empty by itself and still has to be there, because templates join it with something else."""


def schema_text() -> str:
    """The whole of values.schema.json."""
    source = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["schema"]
    schema = _demanding(source, yaml.safe_load(VALUES.read_text(encoding="utf-8")))
    # Of draft 7, which Helm 3 reads, too; it knows `$defs` by no name of its own.
    settings = _plain(Settings.model_json_schema(ref_template="#/definitions/{model}"))
    parts = settings.pop("$defs")
    for section in (value["$ref"] for value in settings["properties"].values() if "$ref" in value):
        # A section of which every line is a comment is null.
        parts[section.rpartition("/")[2]]["type"] = ["object", "null"]
    schema["properties"]["secretSettings"]["propertyNames"] = {"pattern": f"^({'|'.join(_names())})$"}
    schema["definitions"] = {
        **parts,
        "Settings": settings,
        "JobKind": {"enum": [kind.value for kind in JobKind]},
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _demanding(part: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The same part, which misses what has a default and was set to null, unless its type may be null.

    Helm takes such a key away before the schema sees it, and templates look into what should be there. An empty default
    is no more than nothing, and a key whose lines are all comments is null: of these only `JOINED` are missed.
    """
    properties: dict[str, Any] = part.get("properties", {})
    demanded = {
        name: default
        for name, default in defaults.items()
        if name in properties and (name in JOINED or default not in ("", [], {}))
    }
    if not demanded:
        return part
    within = {
        name: _demanding(properties[name], default)
        for name, default in demanded.items()
        if isinstance(default, dict)
    }
    required = [name for name in demanded if "null" not in properties[name].get("type", ())]
    return {**part, "properties": {**properties, **within}, "required": required}


def _names() -> Iterator[str]:
    """A pattern for each section: the settings that may come from a Secret."""
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield rf"{section}\.({'|'.join(field.annotation.model_fields)})"
    yield r"storages\.[a-z0-9_-]+\.(url|options\.[a-z0-9_]+)"


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing about right and wrong; a setting may have one of these names, and stays."""
    said = {
        key: value for key, value in part.items() if key not in ("title", "default", "format", "writeOnly")
    }
    for inner in ("properties", "$defs"):
        if inner in said:
            said[inner] = {name: _plain(value) for name, value in said[inner].items()}
    return said


if __name__ == "__main__":
    TARGET.write_text(schema_text(), encoding="utf-8")
