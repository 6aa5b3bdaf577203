"""CRC-32 agrees with zlib, whole and in parts."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from datacenter.archives.crc import crc32, crc32_combine


@given(st.binary(), st.binary())
def test_parts_combine_to_the_whole(first: bytes, second: bytes) -> None:
    assert crc32(first + second) == zlib.crc32(first + second)
    assert crc32(second, crc32(first)) == zlib.crc32(first + second)
    assert crc32_combine(crc32(first), crc32(second), len(second)) == zlib.crc32(first + second)
