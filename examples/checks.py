"""The checks of the demonstration: byte for byte against the source; the first difference ends it."""

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow.parquet as pq
from source import Source

from datacenter.client import Client, Dataset


class Mismatch(Exception):
    """A check failed."""


def require(holds: bool, failure: str) -> None:
    """Raises: Mismatch with the text of the failure, unless it holds."""
    if not holds:
        raise Mismatch(failure)


def stored_bytes_match(client: Client, dataset: Dataset, source: Source, storage: Path) -> int:
    """Check that every file of the manifest is on the storage with the source's bytes and label; the number of files."""
    manifest = pq.read_table(io.BytesIO(b"".join(client.datasets.manifest(dataset.id)))).to_pylist()
    require(
        [row["path"] for row in manifest] == sorted(source.files),
        f"the manifest of {dataset.name} lists other files",
    )
    for row in manifest:
        path, expected = row["path"], source.files[row["path"]]
        with (storage / row["key"]).open("rb") as file:
            file.seek(row["offset"])
            require(file.read(row["length"]) == expected, f"{path} has other bytes on the storage")
        require(row["crc32"] == zlib.crc32(expected), f"{path} has another CRC-32 in the manifest")
        require(row["labels"] == [path.split("/", 1)[0]], f"{path} has other labels")
    return len(manifest)


def archive_matches(path: Path, expected: Mapping[str, bytes]) -> int:
    """Check that the archive has these files with these bytes, and that `manifest.jsonl` agrees; the number of files."""
    with zipfile.ZipFile(path) as archive:
        require(archive.testzip() is None, f"{path.name} has a broken member")
        rows = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        require(
            {row["path"] for row in rows} == set(expected),
            f"the manifest.jsonl of {path.name} lists other files",
        )
        for row in rows:
            data = archive.read(row["path"])
            require(data == expected[row["path"]], f"{row['path']} in {path.name} has other bytes")
            require(
                (row["size_bytes"], row["crc32"]) == (len(data), f"{zlib.crc32(data):08x}"),
                f"{row['path']}: wrong size or CRC-32",
            )
    return len(rows)


def nothing_left_of(datasets: Iterable[Dataset], storage: Path) -> None:
    """Check that no file of these datasets is left."""
    for dataset in datasets:
        left = [path for path in (storage / "datasets" / dataset.id).rglob("*") if path.is_file()]
        require(
            not left, f"{len(left)} files of {dataset.name} are still on the storage, for example {left[:1]}"
        )
