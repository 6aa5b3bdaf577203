"""Archives that unpack to 5 GB, over the REST API: what the worker wrote and held until it refused them."""

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.archives.raw_tar import header
from support.archives.raw_zip import DEFLATED, Described, RawZip, file
from support.jobs.rest_jobs import archive_of

pytestmark = pytest.mark.real

MIB = 1024**2
BLOCK = bytes(4 * MIB)
BLOCKS = 1_200
REAL_BYTES = BLOCKS * len(BLOCK)
"""5.03 GB."""
DECLARED_BYTES = 10
ENTRY_BYTES = 2 * MIB
PAST_THE_LIMIT = MIB
HELD_BYTES = 128 * MIB
"""Room for a large read, for what is unpacked of it and for libraries that are loaded late; a fortieth of a bomb."""
LARGE_ENTRY_BYTES = 16 * MIB
"""Packed entries above this come in chunks, smaller ones whole: each has a bound of its own."""
LIMITS = {
    "DATACENTER__LEDGER__LEASE_SECONDS": "30",
    "DATACENTER__LEDGER__HEARTBEAT_SECONDS": "5",
    "DATACENTER__LIMITS__ENTRY_BYTES": str(ENTRY_BYTES),
    "DATACENTER__LIMITS__TOTAL_BYTES": str(ENTRY_BYTES),
}


@dataclass(frozen=True, kw_only=True)
class Bomb:
    """`allowed_bytes` is what the archive may unpack to: what it declares itself, or the limit of the settings."""

    name: str
    filename: str
    build: Callable[[], bytes]
    allowed_bytes: int


def _packed(head: bytes = b"", noise_bytes: int = 0) -> bytes:
    """A deflate stream of 5 GB; after a full flush the same bytes mean the same block again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(head + os.urandom(noise_bytes)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(BLOCK) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * BLOCKS + packer.flush()


def _zip(packed: bytes, size: int) -> bytes:
    said = Described(size=size)
    return RawZip(
        entries=[replace(file("bomb", b"", method=DEFLATED, packed=packed), local=said, central=said)]
    ).build()


def _gzip_of_tar(head: bytes) -> bytes:
    # The sum at the end of it is wrong, and a reader must stop before it.
    return gzip.compress(b"")[:10] + _packed(head) + bytes(8)


BOMBS = (
    Bomb(
        name="a zip that declares 10 bytes and holds 5 GB",
        filename="liar.zip",
        build=lambda: _zip(_packed(), DECLARED_BYTES),
        allowed_bytes=DECLARED_BYTES,
    ),
    Bomb(
        name="a zip that declares 10 bytes and holds 5 GB in a large entry",
        filename="large-liar.zip",
        build=lambda: _zip(_packed(noise_bytes=LARGE_ENTRY_BYTES + MIB), DECLARED_BYTES),
        allowed_bytes=DECLARED_BYTES,
    ),
    Bomb(
        name="a zip that declares less than 2 MiB and holds 5 GB in a large entry",
        filename="lesser-liar.zip",
        build=lambda: _zip(_packed(noise_bytes=LARGE_ENTRY_BYTES + MIB), ENTRY_BYTES - 1),
        allowed_bytes=ENTRY_BYTES - 1,
    ),
    Bomb(
        name="a flat zip bomb",
        filename="flat.zip",
        build=lambda: _zip(_packed(), 4_294_967_294),
        allowed_bytes=ENTRY_BYTES,
    ),
    Bomb(
        name="a gzip bomb of one file",
        filename="file.tar.gz",
        build=lambda: _gzip_of_tar(header(b"bomb", REAL_BYTES)),
        allowed_bytes=ENTRY_BYTES,
    ),
    Bomb(
        name="a gzip bomb behind the end of a tar",
        filename="tail.tar.gz",
        build=lambda: _gzip_of_tar(header(b"empty") + bytes(1024)),
        allowed_bytes=ENTRY_BYTES,
    ),
)


@pytest.fixture(scope="module")
def centre(start_centre, tmp_path_factory):
    with start_centre(LIMITS) as started:
        # After a first job the worker's processes are there, and hold what they load when they are needed.
        first = archive_of({"a.txt": "small"}, tmp_path_factory.mktemp("first") / "first.zip")
        _, job = started.client.datasets.create("first", {"upload": started.client.uploads.send(first)})
        assert started.client.jobs.wait(job).succeeded
        yield started


@dataclass(kw_only=True)
class Work:
    """What the worker's processes did while they were watched."""

    written_bytes: int = 0
    held_bytes: int = 0


@contextmanager
def watched(pids: list[int]) -> Iterator[Work]:
    """Count by the kernel's own books; they know of a process also what was gone before anybody could look."""
    work = Work()
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
    written = {pid: _field(pid, "io", "wchar") for pid in pids}
    held = {pid: _field(pid, "status", "VmHWM") for pid in pids}
    yield work
    work.written_bytes = sum(_field(pid, "io", "wchar") - written[pid] for pid in pids)
    work.held_bytes = sum(_field(pid, "status", "VmHWM") - held[pid] for pid in pids) * 1024


def _field(pid: int, book: str, name: str) -> int:
    lines = Path(f"/proc/{pid}/{book}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.name)
def test_a_bomb_is_refused_at_most_one_mebibyte_past_its_limit(centre, tmp_path, bomb: Bomb):
    path = tmp_path / bomb.filename
    path.write_bytes(bomb.build())
    source = {"upload": centre.client.uploads.send(path)}
    pids = centre.worker_children()

    with watched(pids) as work:
        dataset, job = centre.client.datasets.create(bomb.name, source)
        ended = centre.client.jobs.wait(job)

    assert centre.worker_children() == pids
    assert (ended.state, ended.error and ended.error.code) == ("FAILURE", "TOO_LARGE"), ended.error
    assert work.written_bytes <= bomb.allowed_bytes + PAST_THE_LIMIT
    assert work.held_bytes <= HELD_BYTES
    folder = centre.storage / "datasets" / dataset.id
    assert [found for found in folder.rglob("*") if found.is_file()] == []
