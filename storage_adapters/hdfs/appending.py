"""Appending: parts that arrive in their order become one file as they come, where nothing can join files later.

A part that cannot be appended, because another came first, or because its writer died on the way, stays a file of its own.
Such a file is newer than what was appended in its place, and counts before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from storage_adapters.contract import Part
from storage_adapters.errors import ObjectExists, ObjectMissing, StorageError, UploadInvalid
from storage_adapters.hdfs.client import HdfsClient

PART = "part-"
APPENDED = f"{PART}appended"
COPY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Bytes of a file: `length` of them from `offset`."""

    path: str
    offset: int
    length: int


def part_name(number: int) -> str:
    """What the file of a part is called, if it has one."""
    return f"{PART}{number:07}"


def append_part(client: HdfsClient, area: str, part: Part, staged: str) -> bool:
    """Whether the staged part is the next one of the upload's file, and stands in it now; then it is no file any more.

    Whatever fails leaves the staged file, and what may have been appended of it is behind the part's end or is overridden by
    its own file.
    """
    appended = f"{area}/{APPENDED}"
    try:
        if _is_there(client, f"{area}/{part_name(part.number)}"):
            return False
        if not part.offset:
            client.rename(staged, appended, overwrite=False)
            return True
        if client.info(appended).size_bytes != part.offset:
            return False
        for data in read_spans(client, [Span(path=staged, offset=0, length=part.length)]):
            client.append(appended, data)
        if client.info(appended).size_bytes != part.offset + part.length:
            return False
        client.delete(staged, recursive=False)
    except (ObjectExists, StorageError):
        return False
    return True


def spans_of(area: str, sizes: Mapping[str, int], parts: Sequence[Part], key: str) -> list[Span]:
    """Where the bytes of the parts lie; `sizes` are those of the files of the upload.

    Raises:
        UploadInvalid: a part was not written as it is named.
    """
    found: list[Span] = []
    for part in parts:
        name = part_name(part.number)
        if sizes.get(name) == part.length:
            found.append(Span(path=f"{area}/{name}", offset=0, length=part.length))
        elif sizes.get(APPENDED, -1) >= part.offset + part.length:
            found.append(Span(path=f"{area}/{APPENDED}", offset=part.offset, length=part.length))
        else:
            raise UploadInvalid(f"Part {part.number} was not written as it is named.", key=key)
    return found


def read_spans(client: HdfsClient, spans: Sequence[Span]) -> Iterator[bytes]:
    """The bytes of the spans, a few MiB at a time."""
    for span in spans:
        end = span.offset + span.length
        for offset in range(span.offset, end, COPY_BYTES):
            yield from client.read(span.path, [(offset, min(COPY_BYTES, end - offset))])


def _is_there(client: HdfsClient, path: str) -> bool:
    try:
        client.info(path)
    except ObjectMissing:
        return False
    return True
