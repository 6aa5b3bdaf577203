"""JSON lines of whole columns at once: an archive of a million files has two lists of a million lines."""

from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.formats.arrow_types import StringLists, list_lengths, list_offsets, strings


def quoted(texts: pa.StringArray) -> pa.StringArray:
    """Each text as a JSON string; a null stays null."""
    if not _needs_escapes(texts):
        return joined('"', texts, '"')
    values = [None if text is None else orjson.dumps(text).decode() for text in texts.to_pylist()]
    return pa.array(values, pa.string())


def quoted_lists(lists: StringLists) -> pa.StringArray:
    """Each list of texts as a JSON array; a null counts as empty."""
    inside = pa.ListArray.from_arrays(list_offsets(list_lengths(lists)), quoted(strings(lists.flatten())))
    return joined("[", strings(pc.binary_join(inside, pa.scalar(","))), "]")


def hexadecimal(numbers: pa.UInt32Array) -> pa.StringArray:
    """Each number as 8 hexadecimal digits."""
    digits = numbers.to_numpy().astype(">u4").tobytes().hex().encode()
    offsets = np.arange(0, 8 * len(numbers) + 1, 8, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets.tobytes()), pa.py_buffer(digits))


def joined(*pieces: Any) -> pa.StringArray:
    """Pieces of text joined row by row: arrays, or one text for every row; a null makes the row null."""
    whole: Any = pc.binary_join_element_wise(
        *(pa.scalar(piece) if isinstance(piece, str) else piece for piece in pieces), pa.scalar("")
    )
    return strings(whole)


def as_bytes(lines: pa.StringArray) -> bytes:
    """All lines joined; each has its own end."""
    return _content(lines).tobytes()


def _needs_escapes(texts: pa.StringArray) -> bool:
    """Whether JSON needs an escape for any character. Source: RFC 8259, section 7."""
    content = np.frombuffer(_content(texts), np.uint8)
    return bool(((content < ord(" ")) | (content == ord('"')) | (content == ord("\\"))).any())


def _content(texts: pa.StringArray) -> memoryview:
    """The bytes of all texts joined."""
    _, offsets, data = texts.buffers()
    if offsets is None or data is None or not len(texts):
        return memoryview(b"")
    ends = np.frombuffer(memoryview(offsets), np.int32)
    return memoryview(data)[ends[texts.offset] : ends[texts.offset + len(texts)]]
