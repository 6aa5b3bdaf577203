"""Shard specs: the task of a shard, one frozen dataclass for each kind of shard, stored in the ledger as JSON.

Each dataclass is defined beside the code that does the work and names its kind: `kind: Literal["zip_span"] = "zip_span"`.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import TypeAdapter

from datacenter.ledger.leases import ShardPlan

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

KIND_BY_FIELD: Mapping[str, str] = {
    "partition": "table_partition",
    "in_folders": "prefix_group",
    "format": "tar_pass",
    "archive": "zip_span",
    "dataset": "table_part",
    "span": "deflate_span",
    "member": "archive_part",
    "prefix": "delete_prefix",
    "manifest": "delete_rows",
}
"""Release 0.1.0 wrote specs without a kind, and its jobs may be under way while workers are replaced. The first of these
fields that a spec has tells its kind. The order matters: a tar has `archive`, too."""


SpecT = TypeVar("SpecT")


def shard(spec: "DataclassInstance") -> ShardPlan:
    """The shard of a plan that has this spec."""
    return ShardPlan(spec=asdict(spec))


class SpecReader(Generic[SpecT]):
    """Reads the specs of one job kind from the ledger: `SpecReader[ZipSpan | TarPass](ZipSpan, TarPass)`."""

    def __init__(self, *kinds: type[SpecT]) -> None:
        self._adapters: dict[str, TypeAdapter[SpecT]] = {_kind_of(kind): TypeAdapter(kind) for kind in kinds}

    def read(self, spec: Mapping[str, Any]) -> SpecT:
        """The spec in its own type. Raises: ValueError if its kind is unknown or a field is missing."""
        kind = spec.get("kind") or next(
            (kind for field, kind in KIND_BY_FIELD.items() if field in spec), None
        )
        adapter = self._adapters.get(str(kind))
        if adapter is None:
            raise ValueError(f"unknown kind of shard {kind!r}; known are {', '.join(sorted(self._adapters))}")
        return adapter.validate_python({**spec, "kind": kind})


def _kind_of(spec_class: type[object]) -> str:
    (kind,) = (each for each in fields(cast("type[DataclassInstance]", spec_class)) if each.name == "kind")
    return str(kind.default)
