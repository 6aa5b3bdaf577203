"""Shard specs survive the ledger, also those that the first release wrote without a kind."""

import json
from typing import Any

import pytest

from jobs import delete_dataset
from jobs.building import archive as building
from jobs.building.deflate import DeflateSpan
from jobs.building.parts import ArchivePart
from jobs.building.rendering import TablePart
from jobs.delete_dataset import DeletePrefix, DeleteRows
from jobs.importing import archive, prefix, table
from jobs.importing.archive_tar import TarPass
from jobs.importing.archive_zip import ZipSpan
from jobs.importing.prefix import PrefixGroup
from jobs.importing.source_listing import PlannedObject
from jobs.importing.table import TablePartition
from jobs.shard_specs import KIND_BY_FIELD, SpecReader, shard

ARCHIVE = PlannedObject(key="a.zip", size_bytes=9, tag="t")
SPECS: list[tuple[SpecReader[Any], Any]] = [
    (archive.SPECS, ZipSpan(plan="p", row_group=2, archive=ARCHIVE)),
    (archive.SPECS, TarPass(format="tar.gz", archive=ARCHIVE)),
    (prefix.SPECS, PrefixGroup(plan="p", row_group=0, in_folders=5)),
    (table.SPECS, TablePartition(plan="p", label_column=None, partition=0, token="")),
    (building.SPECS, TablePart(dataset="d", row_group=1, row=3)),
    (building.SPECS, DeflateSpan(span=0, first=0, last=7)),
    (building.SPECS, ArchivePart(key="k", upload="u", part=1, start=0, stop=9, member=None)),
    (delete_dataset.SPECS, DeletePrefix(prefix="d/", files=1, size_bytes=2)),
    (delete_dataset.SPECS, DeleteRows(manifest="m", row_group=0, first=0, last=4)),
]


def stored(spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(shard(spec).spec))
    return found


@pytest.mark.parametrize(("reader", "spec"), SPECS, ids=lambda each: getattr(each, "kind", ""))
def test_a_spec_comes_back_from_the_ledger_as_it_was(reader: SpecReader[Any], spec: Any) -> None:
    assert reader.read(stored(spec)) == spec


TAGGED = {"key": "a.zip", "size_bytes": 9, "tag": "t"}
WRITTEN_BY_0_1_0: dict[str, dict[str, Any]] = {
    "zip_span": {"plan": "p", "row_group": 2, "archive": TAGGED},
    "tar_pass": {"format": "tar.gz", "archive": TAGGED},
    "prefix_group": {"plan": "p", "row_group": 0, "in_folders": 5},
    "table_partition": {"plan": "p", "label_column": None, "partition": 0, "token": ""},
    "table_part": {"dataset": "d", "row_group": 1, "row": 3},
    "deflate_span": {"span": 0, "first": 0, "last": 7},
    "archive_part": {"key": "k", "upload": "u", "part": 1, "start": 0, "stop": 9, "member": None},
    "delete_prefix": {"prefix": "d/", "files": 1, "size_bytes": 2},
    "delete_rows": {"manifest": "m", "row_group": 0, "first": 0, "last": 4},
}
"""As that release wrote them; not made by the code, which may change."""


@pytest.mark.parametrize("kind", WRITTEN_BY_0_1_0)
def test_a_spec_that_the_first_release_wrote_is_read(kind: str) -> None:
    reader, spec = next((reader, spec) for reader, spec in SPECS if spec.kind == kind)
    assert reader.read(WRITTEN_BY_0_1_0[kind]) == spec


@pytest.mark.parametrize("kind", WRITTEN_BY_0_1_0)
def test_a_worker_of_the_first_release_finds_its_fields_in_a_newer_spec(kind: str) -> None:
    spec = next(spec for _, spec in SPECS if spec.kind == kind)
    written = stored(spec)
    assert {name: written[name] for name in WRITTEN_BY_0_1_0[kind]} == WRITTEN_BY_0_1_0[kind]


def test_each_kind_has_a_name_of_its_own_and_the_table_knows_those_of_the_first_release_only() -> None:
    kinds = [spec.kind for _, spec in SPECS]
    assert len(set(kinds)) == len(kinds)
    assert set(KIND_BY_FIELD.values()) == WRITTEN_BY_0_1_0.keys() <= set(kinds)


def test_fields_of_a_newer_release_are_passed_over() -> None:
    spec = DeflateSpan(span=0, first=0, last=7)
    assert building.SPECS.read({**stored(spec), "level": 9}) == spec


@pytest.mark.parametrize("spec", [{"kind": "zip_span", "plan": "p"}, {"kind": "dance"}, {}])
def test_a_spec_that_is_none_of_the_kinds_is_an_error_that_names_it(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"row_group|dance|None"):
        archive.SPECS.read(spec)
