"""One list each: a label format, an archive format or a job kind is named in one table, and is then offered everywhere."""

import json
import subprocess
import sys
import tomllib
from itertools import permutations
from pathlib import Path

import grimp
import pytest

from datacenter.datasets.archives.records import ARCHIVE_FORMATS
from datacenter.formats.registry import FORMATS, exported_formats, imported_formats
from datacenter.formats.table_formats import TABLE_FORMATS
from datacenter.ledger.states import JobKind
from jobs.registry import runners
from storage_adapters.registry import kinds

ROOT = Path(__file__).resolve().parents[3]

ADD_ROWS = """
import json, sys
from datacenter.formats import registry, table_formats
registry.FORMATS = {**registry.FORMATS, "fake": registry.LabelFormat(
    filenames=("labels.fake",), reader="fake:read", writer="fake:Writer")}
table_formats.TABLE_FORMATS = {**table_formats.TABLE_FORMATS, "faketable": None}
from datacenter.datasets.archives import records as archives
archives.ARCHIVE_FORMATS = {**archives.ARCHIVE_FORMATS, "fakearchive": ("fake", "application/x-fake")}
"""
"""Before anything of the interfaces is imported."""

DESCRIBE = """
from datacenter.settings.model import Settings
from datacenter.web.app import create_app
home = sys.argv[1]
settings = Settings(database={"url": f"sqlite:///{home}/x.db"}, web={"secret_key": "s" * 32},
                    storages={"default": {"kind": "nas", "url": f"nas://{home}"}})
print(json.dumps(create_app(settings).openapi()))
"""

USE = """
from datacenter.datasets.archives.records import ArchiveForm
from datacenter.datasets.archives.selection import RESERVED
ArchiveForm(label_format="fake", table_format="faketable").check()
print(json.dumps([registry.imported_formats(), list(RESERVED)]))
"""


def _printed(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_format_needs_one_row_to_be_in_the_interface(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()

    schemas = json.loads(_printed(ADD_ROWS + DESCRIBE, str(tmp_path)))["components"]["schemas"]

    export = schemas["NewExportRequest"]["properties"]
    importing = schemas["NewDatasetRequest"]["properties"]["label_format"]["anyOf"][0]
    assert importing["enum"] == [*imported_formats(), "fake"]
    assert export["label_format"]["enum"] == [*exported_formats(), "fake"]
    assert export["table_format"]["enum"] == [*TABLE_FORMATS, "faketable"]
    for request in ("NewExportRequest", "NewDownloadRequest"):
        assert schemas[request]["properties"]["archive"]["enum"] == [*ARCHIVE_FORMATS, "fakearchive"]


def test_a_format_needs_one_row_to_be_taken_and_to_keep_its_file_name() -> None:
    imported, reserved = json.loads(_printed(ADD_ROWS + USE))

    assert "fake" in imported
    written = [FORMATS[name].filenames[0] for name in exported_formats()]
    assert reserved == [*written, "labels.fake", "manifest.jsonl"]


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("datacenter.cli.exports", "label_format"), ("datacenter.cli.imports", "label_format")],
)
def test_a_label_format_needs_one_row_to_be_in_the_help(module: str, arguments: str) -> None:
    look = f"""
import importlib, inspect
module = importlib.import_module({module!r})
commands = [each for name, each in vars(module).items() if inspect.isfunction(each)]
print([str(inspect.signature(each).parameters[{arguments!r}]) and
       inspect.signature(each).parameters[{arguments!r}].annotation.__metadata__[0].help
       for each in commands if {arguments!r} in inspect.signature(each).parameters])
"""

    assert ", ".join([*exported_formats(), "fake"]) in _printed(ADD_ROWS + look)


def test_every_storage_that_is_offered_can_be_opened_by_fsspec() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert sorted(project["entry-points"]["fsspec.specs"]) == [
        kind for kind in kinds() if kind != "memory"
    ]  # which the tests add


def test_every_kind_of_job_has_a_runner() -> None:
    assert set(runners()) == set(JobKind)


def test_kinds_of_jobs_do_not_import_one_another() -> None:
    graph = grimp.build_graph("jobs")
    modules = {type(runner).__module__ for runner in runners().values()}

    assert len(modules) == len(JobKind)
    assert not [pair for pair in permutations(modules, 2) if graph.chain_exists(*pair)]
