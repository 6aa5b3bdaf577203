"""Builds tars block by block, so that any of them can be wrong."""

BLOCK = 512
END = bytes(2 * BLOCK)


def header(
    name: bytes,
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    linkname: bytes = b"",
    mode: int = 0o644,
    owner: bytes = b"",
    checksum_off_by: int = 0,
) -> bytes:
    """One block; a size given as bytes is put there as it stands."""
    size_field = b"%011o\0" % size if isinstance(size, int) else size
    block = bytearray(BLOCK)
    block[0 : min(len(name), 100)] = name[:100]
    block[100:108] = b"%07o\0" % mode
    block[108:124] = b"%07o\0" % 1000 * 2
    block[124:136] = size_field
    block[136:148] = b"%011o\0" % 1_735_689_600
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157 : 157 + len(linkname[:100])] = linkname[:100]
    block[257:265] = b"ustar\x0000"
    block[265 : 265 + len(owner)] = owner
    block[148:156] = b"%06o\0 " % (sum(block) + checksum_off_by)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def member(name: bytes, data: bytes = b"content", kind: bytes = b"0", **changes: object) -> bytes:
    return header(name, len(data), kind, **changes) + padded(data)  # type: ignore[arg-type]  # any field of the header


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    """The GNU way to give the next header a long name, or (K) a long link target."""
    return member(b"././@LongLink", name + b"\0", kind)


def pax(records: dict[str, str | bytes], kind: bytes = b"x") -> bytes:
    """An extended header for what follows (x) or for all that follows (g)."""
    data = b""
    for keyword, value in records.items():
        rest = b" %s=%s\n" % (keyword.encode(), value.encode() if isinstance(value, str) else value)
        size = len(rest) + len(str(len(rest)))
        size = len(rest) + len(str(size))
        data += b"%d%s" % (size, rest)
    return member(b"././@PaxHeader", data, kind)


def tar(*members: bytes, end: bytes = END) -> bytes:
    return b"".join(members) + end
