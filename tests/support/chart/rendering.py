"""The Helm chart as its tests see it: values in, objects of Kubernetes out, or an error message.

Helm's library is Go, whose runtime stays in a process once it was loaded; it gets a process of its own, because other
tests fork theirs.
"""

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "helm" / "datacenter"
RELEASE = "dc"
NAMESPACE = "datasets"
VALUES = {path.stem.removesuffix("-values"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
VALUES["dev"] = CHART / "values-dev.yaml"
"""The matrix: each of these files is linted, rendered and checked."""

Object = dict[str, Any]


class Strict(yaml.CSafeLoader):
    """Rejects a repeated key, because parsers differ in which of the two they keep."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {twice}", node.start_mark)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """The files that Helm made from the values, or its error message."""

    files: Mapping[str, str]
    refusal: str = ""

    @cached_property
    def objects(self) -> list[Object]:
        """Every object, hooks and tests included; the notes are not one."""
        return [
            found
            for name, text in self.files.items()
            if name.endswith(".yaml")
            for found in yaml.load_all(text, Loader=Strict)
            if found
        ]

    @property
    def notes(self) -> str:
        """What a person reads after the installation."""
        return self.files["datacenter/templates/NOTES.txt"]


@cache
def _helm() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def render(values: Mapping[str, Any]) -> Rendering:
    """Render the chart with these values over its own."""
    return _helm().submit(_render, dict(values)).result()


def lint(values: Mapping[str, Any]) -> list[str]:
    """The complaints of `helm lint --strict`."""
    return _helm().submit(_lint, dict(values)).result()


def _render(values: dict[str, Any]) -> Rendering:
    import helm_python

    try:
        with helm_python.Chart.load(CHART) as chart:
            return Rendering(files=chart.render(values, name=RELEASE, namespace=NAMESPACE))
    except helm_python.HelmError as error:
        return Rendering(files={}, refusal=str(error))


def _lint(values: dict[str, Any]) -> list[str]:
    import helm_python

    report = helm_python.lint(CHART, values, strict=True, namespace=NAMESPACE)
    information = 1
    errors = [message["error"] for message in report["messages"] if message["severity"] > information]
    return errors + report["errors"]


def values_of(name: str) -> dict[str, Any]:
    """One file of the matrix."""
    values: dict[str, Any] = yaml.safe_load(VALUES[name].read_text(encoding="utf-8"))
    return values


@cache
def rendered(name: str) -> Rendering:
    """One file of the matrix, rendered once."""
    return render(values_of(name))


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    """The objects of these kinds."""
    return [found for found in objects if found["kind"] in kinds]


def name_of(found: Object) -> str:
    """For a message: `Deployment/dc-datacenter-web`."""
    return f"{found['kind']}/{found['metadata']['name']}"


def is_hook(found: Object) -> bool:
    """Whether Helm makes it apart from the release."""
    return "helm.sh/hook" in found["metadata"].get("annotations", {})


@dataclass(frozen=True, kw_only=True)
class Pod:
    """The pod template of an object."""

    owner: Object
    metadata: Object
    spec: Object

    def __str__(self) -> str:
        return name_of(self.owner)

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.metadata["labels"]
        return labels

    @property
    def component(self) -> str:
        return self.labels["app.kubernetes.io/component"]

    @property
    def main(self) -> Object:
        """The main container."""
        main: Object = self.spec["containers"][0]
        return main

    @property
    def containers(self) -> list[Object]:
        """All of them, those that run before the others included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def variable(self, name: str) -> str | None:
        """The value of a variable of the main container."""
        return {entry["name"]: entry.get("value") for entry in self.main["env"]}.get(name)


def pods_of(objects: Sequence[Object]) -> list[Pod]:
    """The pod templates of all objects that have one."""
    return [
        *(
            Pod(owner=found, **found["spec"]["template"])
            for found in of_kind(objects, "Deployment", "StatefulSet", "Job")
        ),
        *(
            Pod(owner=found, metadata=found["metadata"], spec=found["spec"])
            for found in of_kind(objects, "Pod")
        ),
    ]


def matrix_pods(*components: str) -> Iterator[tuple[str, Pod]]:
    """Each pod of each rendering, of these components or of all that run the image."""
    for name in VALUES:
        for pod in pods_of(rendered(name).objects):
            if pod.component in (components or ("web", "worker", "scheduler", "migration", "test")):
                yield name, pod
