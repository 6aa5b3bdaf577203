"""CRC-32 as zip defines it, at memory speed."""

from isal import isal_zlib


def crc32(data: bytes | bytearray | memoryview, value: int = 0) -> int:
    """The CRC-32 of everything `value` was computed over, followed by `data`."""
    return isal_zlib.crc32(data, value)


def crc32_combine(first: int, second: int, second_bytes: int) -> int:
    """The CRC-32 of two byte strings, one after the other, from the CRC of each."""
    return isal_zlib.crc32_combine(first, second, second_bytes)
