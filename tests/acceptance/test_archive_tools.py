"""Every archive that leaves the data centre opens with the programs that people have, and holds what went in."""

import json
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest
from support.archives.tools import CHECKS, checked_by

from datacenter.client import LabelFilter

pytestmark = pytest.mark.real

FILES = {
    **{f"猫/图片 {number}.png": bytes([number]) * (number * 37) for number in range(40)},
    **{f"dog/{'深' * 40}/{number}.txt": f"狗 {number}\n".encode() * number for number in range(40)},
    "é/NFC-é.bin": bytes(70_000),
    "leer.txt": b"",
}
SIDECARS = {"labels.jsonl", "manifest.jsonl"}
EXPORTS = {
    "export.zip": {"archive": "zip"},
    "export.tar": {"archive": "tar"},
    "deflated.zip": {"archive": "zip", "compression": "deflate"},
}
DOWNLOADS = {
    "download.zip": {"archive": "zip", "delivery": "archive"},
    "download.tar": {"archive": "tar", "delivery": "archive"},
    "stream.zip": {"archive": "zip", "delivery": "stream"},
    "stream.tar": {"archive": "tar", "delivery": "stream"},
}
NAMES = [*EXPORTS, *DOWNLOADS]
PAIRS = [(name, command) for name in NAMES for command in CHECKS[name[-3:]]]


@pytest.fixture(scope="module")
def dataset_id(centre, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("tools") / "tools.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    client = centre.client
    dataset, job = client.datasets.create("tools", {"upload": client.uploads.send(path)})
    assert client.jobs.wait(job).state == "SUCCESS"
    yield dataset.id
    assert client.jobs.wait(client.datasets.delete(dataset.id)).state == "SUCCESS"


@pytest.fixture(scope="module")
def archives(centre, dataset_id, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each kind of archive, fetched by its link; the streams first, while nothing is built that they could be read from."""
    client, folder = centre.client, tmp_path_factory.mktemp("archives")

    def fetch(name: str, job) -> Path:
        ended = client.jobs.wait(job)
        assert ended.state == "SUCCESS", ended
        path = folder / name
        path.write_bytes(httpx.get(client.downloads.of_job(ended).url, timeout=60).content)
        return path

    fetched = {}
    for name in sorted(DOWNLOADS, reverse=True):
        fetched[name] = fetch(name, client.downloads.of_dataset(dataset_id, **DOWNLOADS[name]))
    for name, fields in EXPORTS.items():
        # A filter that takes every file: the same selection as above would be the same archive.
        export, job = client.exports.create([dataset_id], labels=LabelFilter(none=("absent",)), **fields)
        assert client.jobs.wait(job).state == "SUCCESS"
        fetched[name] = fetch(name, client.downloads.of_export(export.id))
    return fetched


@pytest.mark.parametrize("name", NAMES)
def test_python_reads_back_every_file_and_the_lists_beside_them(archives, name: str):
    held = _zip_contents(archives[name]) if name.endswith("zip") else _tar_contents(archives[name])

    assert set(held) == {*FILES, *SIDECARS}
    assert {path: held[path] for path in FILES} == FILES
    listed = [json.loads(line) for line in held["manifest.jsonl"].decode().splitlines()]
    assert {row["path"]: row["size_bytes"] for row in listed} == {
        path: len(data) for path, data in FILES.items()
    }


@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_a_stream_and_a_built_archive_are_the_same_bytes(archives, suffix: str):
    assert archives[f"stream.{suffix}"].read_bytes() == archives[f"download.{suffix}"].read_bytes()


@pytest.mark.parametrize(
    ("name", "command"), PAIRS, ids=lambda part: part if isinstance(part, str) else part[0]
)
def test_a_program_that_people_have_finds_nothing_wrong(archives, name: str, command: list[str]):
    said = checked_by(command, archives[name])

    if command[1] == "-tf":
        assert set(said.splitlines()) == {*FILES, *SIDECARS}


def _zip_contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def _tar_contents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {
            member.name: file.read()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }
