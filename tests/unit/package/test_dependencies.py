"""Dependencies: a library of which more is used than it promises has an upper bound, and the lock files fit."""

import ast
import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ("datacenter", "jobs", "storage_adapters")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {
    "requirements.lock": tuple(PROJECT["optional-dependencies"]),
    "requirements-image.lock": ("embedded", "tracing"),
}
"""Lock file → the extras that it holds."""

PRIVATE_ATTRIBUTES = {
    "botocore": {"_endpoint", "_manager", "_pool_classes_by_scheme"},
    "hdfs": {
        "_append",
        "_concat",
        "_create",
        "_delete",
        "_get_file_status",
        "_list_status",
        "_mkdirs",
        "_open",
        "_rename",
        "_request",
    },
    "impyla": {"_VALUES_TO_NAMES"},
    "kombu": {"_decoded_cache"},
    "pymysql": {"_execute_command", "_read_packet", "_read_query_result", "_result", "_rfile", "_sock"},
}
"""Whose an attribute with an underscore is, where it is read from an object that came from a library."""
PUBLIC_IN_SPITE_OF_THE_UNDERSCORE = {
    "_fields",  # documented of every namedtuple, as are the next two
    "_make",
    "_replace",
    "_exit",  # os
}
OF_OUR_OWN_CLASSES = {"_give_name", "_place", "_root"}
"""A file of a filesystem calls its filesystem; a storage changes the copy of itself."""

UNDOCUMENTED_MODULES = {
    "alembic.ddl": "its internals, as its documentation calls them; a migration that died is resumed there",
    "botocore.awsrequest": "classes of connections, beneath what boto3 documents",
    "celery.worker": "steps and the state of a worker, for its end",
    "fastapi.dependencies.models": "`Dependant`: which parameters a route has",
    "prometheus_client.values": "how a value is kept, for processes that share a place",
    "pymysql.protocol": "packets",
    "starlette.routing": "`Match`: which routes stand at an address",
    "uvicorn": "methods of its `Server` are overridden",
}
"""Names without an underscore that their library does not promise either."""


def test_a_library_whose_private_names_are_used_has_an_upper_bound() -> None:
    unbounded = {
        distribution: where
        for distribution, where in sorted(_leaned_on())
        if not _has_upper_bound(_requirements().get(distribution))
    }

    assert not unbounded, "bound them in pyproject.toml, with a comment why, or do without the name"


def test_every_private_attribute_is_known_to_be_of_one_library() -> None:
    known = set().union(*PRIVATE_ATTRIBUTES.values()) | PUBLIC_IN_SPITE_OF_THE_UNDERSCORE | OF_OUR_OWN_CLASSES
    seen = {attribute for _, tree in _trees() for attribute in _private_attributes(tree)}

    assert seen == known, "a row for each in PRIVATE_ATTRIBUTES, and none that is not used"


def test_every_undocumented_module_of_the_list_is_used() -> None:
    imported = {name for _, tree in _trees() for name in _imported(tree)}

    assert {
        module
        for module in UNDOCUMENTED_MODULES
        if any(f"{name}.".startswith(f"{module}.") for name in imported)
    } == set(UNDOCUMENTED_MODULES)


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locked_version_of_every_dependency_is_one_that_the_project_takes(lock: str) -> None:
    pinned = dict(
        re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    )

    refused = [
        f"{requirement} is locked at {pinned.get(name)}"
        for name, requirement in _requirements(*LOCKS[lock]).items()
        if name not in pinned or Version(pinned[name]) not in requirement.specifier
    ]

    assert not refused, "run `make lock`"


def _leaned_on() -> Iterator[tuple[str, str]]:
    """Distribution and place of everything that no library promises."""
    for path, tree in _trees():
        for name in _imported(tree):
            private = any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
            undocumented = any(f"{name}.".startswith(f"{module}.") for module in UNDOCUMENTED_MODULES)
            if private or undocumented:
                yield _distribution(name), f"{path}: {name}"
    for distribution in PRIVATE_ATTRIBUTES:
        yield distribution, "see PRIVATE_ATTRIBUTES"
    for kind in _classes():
        for base in inspect.getmro(kind)[1:]:
            top = base.__module__.split(".", 1)[0]
            overridden = {name for name in vars(kind).keys() & vars(base).keys() if _is_private(name)}
            if overridden and top not in PRODUCT and top in _distributions():
                yield _distribution(base.__module__), f"{kind.__qualname__} overrides {min(overridden)}"


@cache
def _trees() -> list[tuple[Path, ast.Module]]:
    paths = [path for package in PRODUCT for path in sorted((ROOT / package).rglob("*.py"))]
    return [(path.relative_to(ROOT), ast.parse(path.read_text())) for path in paths]


def _imported(tree: ast.Module) -> Iterator[str]:
    """What a module imports from a library, as dotted names."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if _is_of_a_library(name))


def _private_attributes(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not _is_private(node.attr):
            continue
        on_itself = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        on_its_base = ast.unparse(node.value) == "super()"  # seen by the classes
        if not on_itself and not on_its_base:
            yield node.attr


def _classes() -> Iterator[type]:
    for package in PRODUCT:
        for module in _modules(importlib.import_module(package)):
            yield from (
                member
                for _, member in inspect.getmembers(module, inspect.isclass)
                if member.__module__ == module.__name__
            )


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        # Alembic runs these two by itself, in a context that it makes; `__main__` starts a program.
        if not found.name.startswith("datacenter.migrations.") and not found.name.endswith(".__main__"):
            yield importlib.import_module(found.name)
    yield importlib.import_module("datacenter.migrations.resumable")


def _is_private(name: str) -> bool:
    # Names of classes, as `_abc_impl`, are made by Python itself.
    return (
        name.startswith("_") and not name.startswith("__") and not name.startswith(("_abc", "_is_protocol"))
    )


def _is_of_a_library(name: str) -> bool:
    top = name.split(".", 1)[0]
    return top not in PRODUCT and top in _distributions()


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Module to distributions; it reads what every distribution installed, so once."""
    return packages_distributions()


def _distribution(name: str) -> str:
    return canonicalize_name(_distributions()[name.split(".", 1)[0]][0])


def _requirements(*extras: str) -> dict[str, Requirement]:
    """Of the project by name: its own, and those of the extras; of `embedded` and `tracing` always."""
    lines = list(PROJECT["dependencies"])
    for extra in {"embedded", "tracing", *extras}:
        lines += PROJECT["optional-dependencies"][extra]
    found = map(Requirement, lines)
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def _has_upper_bound(requirement: Requirement | None) -> bool:
    return requirement is not None and any(
        each.operator in ("<", "<=", "==", "~=") for each in requirement.specifier
    )
