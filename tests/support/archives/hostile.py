"""Hostile (and merely odd) archives, one for every rule: how each is built, and the expected result."""

import gzip
import struct
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import zstandard
from support.archives.raw_tar import END, header, long_name, member, padded, pax, tar
from support.archives.raw_zip import (
    CHARACTER_DEVICE,
    DEFLATED,
    DESCRIPTOR,
    FIFO,
    SYMLINK,
    UTF8,
    Described,
    RawZip,
    file,
    raw_deflate,
)

MIB = 1024**2


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One archive: the code it is refused with, or (code None) the paths it is accepted with."""

    name: str
    build: Callable[[], bytes]
    filename: str = "dataset.zip"
    code: str | None = None
    paths: tuple[str, ...] | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    name_encoding: str | None = None
    warns: bool = False


def _zip(*entries: object, **changes: object) -> Callable[[], bytes]:
    return lambda: RawZip(entries=entries, **changes).build()  # type: ignore[arg-type]  # any field of the zip


def _tar(*members: bytes, end: bytes = END) -> Callable[[], bytes]:
    return lambda: tar(*members, end=end)


UNSAFE_NAMES = ("../x", "a/../../x", "/etc/x", "C:\\x", "C:x", "\\\\h\\s", "..\\x", "a\\..\\..\\x", "a/.. /x")
CONTROL_NAMES = (b"a\0.jpg", b"a\x1f.jpg", b"a\n.jpg", b"a\x7f.jpg", "a\x85.jpg".encode())
GBK_NAME = "乗客/图片.jpg"  # the second byte of 乗 is 0x5c, a backslash
BIG5_NAME = "許功蓋/圖.jpg"  # so are three of these
NFC_NAME, NFD_NAME = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))
ZEROS = bytes(4 * MIB)
PLAIN = RawZip(entries=[file("a/1.txt", b"one" * 50), file("a/2.txt", b"two" * 50, method=DEFLATED)])
PLAIN_TAR = tar(
    member(b"a/1.txt", b"one" * 300), long_name(b"b" * 90 + b"/" + b"c" * 90), member(b"b", b"two" * 300)
)


def _names() -> list[Hostile]:
    rows = []
    for name in UNSAFE_NAMES:
        rows.append(Hostile(name=f"zip with {name}", build=_zip(file(name)), code="UNSAFE_PATH"))
        in_tar = _tar(member(name.encode()))
        rows.append(Hostile(name=f"tar with {name}", build=in_tar, filename="d.tar", code="UNSAFE_PATH"))
    for raw in CONTROL_NAMES:
        rows.append(Hostile(name=f"zip with {raw!r}", build=_zip(file(raw)), code="BAD_NAME"))
        in_tar = _tar(member(raw))
        rows.append(Hostile(name=f"tar with {raw!r}", build=in_tar, filename="d.tar", code="BAD_NAME"))
    rows += [
        Hostile(name="zip with .. in a directory entry", build=_zip(file("../", b"")), code="UNSAFE_PATH"),
        Hostile(
            name="tar with .. in a pax path",
            build=_tar(pax({"path": "../x"}), member(b"x")),
            filename="d.tar",
            code="UNSAFE_PATH",
        ),
        Hostile(
            name="tar with .. in a GNU long name",
            build=_tar(long_name(b"a/../../x"), member(b"x")),
            filename="d.tar",
            code="UNSAFE_PATH",
        ),
        Hostile(
            name="tar with .. in a ustar prefix", build=_ustar_prefix, filename="d.tar", code="UNSAFE_PATH"
        ),
        Hostile(name="zip with safe backslashes", build=_zip(file("a\\b\\c.jpg")), paths=("a/b/c.jpg",)),
        Hostile(
            name="tar with safe backslashes",
            build=_tar(member(b"a\\b.jpg")),
            filename="d.tar",
            paths=("a/b.jpg",),
        ),
        Hostile(name="zip with ./ and //", build=_zip(file("./a//b.jpg")), paths=("a/b.jpg",)),
        Hostile(
            name="tar with ./",
            build=_tar(member(b"./", b"", b"5"), member(b"./a.jpg")),
            filename="d.tar",
            paths=("a.jpg",),
        ),
        Hostile(name="zip with an empty name", build=_zip(file(b"")), code="BAD_NAME"),
        Hostile(name="tar with an empty name", build=_tar(member(b"")), filename="d.tar", code="BAD_NAME"),
        Hostile(
            name="zip with a path too long",
            build=_zip(file("/".join(["abcdefgh"] * 40) + "/" + "x" * 666)),
            code="BAD_NAME",
        ),
        Hostile(name="zip with a segment too long", build=_zip(file("x" * 256)), code="BAD_NAME"),
        Hostile(name="zip with a segment too long in bytes", build=_zip(file("图" * 86)), code="BAD_NAME"),
        Hostile(name="zip too deep", build=_zip(file("a/" * 64 + "b")), code="BAD_NAME"),
        Hostile(
            name="tar with a path too long",
            build=_tar(long_name(b"d/" * 600 + b"x"), member(b"x")),
            filename="d.tar",
            code="BAD_NAME",
        ),
        Hostile(
            name="zip with two entries of one name",
            build=_zip(file("a"), file("b"), file("a")),
            code="DUPLICATE",
        ),
        Hostile(
            name="zip with two names that become one", build=_zip(file("a/b"), file("a\\b")), code="DUPLICATE"
        ),
        Hostile(
            name="tar with two entries of one name",
            build=_tar(member(b"a"), member(b"b"), member(b"./a")),
            filename="d.tar",
            code="DUPLICATE",
        ),
        Hostile(
            name="zip with a file that is a directory",
            build=_zip(file("a/b/c"), file("a/b-"), file("a/b")),
            code="NAME_COLLISION",
        ),
        Hostile(
            name="zip with a file and a directory entry",
            build=_zip(file("a"), file("a/", b"")),
            code="NAME_COLLISION",
        ),
        Hostile(
            name="tar with a file that is a directory",
            build=_tar(member(b"a"), member(b"a/b")),
            filename="d.tar",
            code="NAME_COLLISION",
        ),
        Hostile(
            name="zip with twins in case",
            build=_zip(file("A.jpg"), file("a.jpg")),
            paths=("A.jpg", "a.jpg"),
            warns=True,
        ),
        Hostile(
            name="zip with twins in form",
            build=_zip(file(NFC_NAME), file(NFD_NAME)),
            paths=(NFC_NAME, NFD_NAME),
            warns=True,
        ),
        Hostile(
            name="tar with twins in case",
            build=_tar(member(b"A.jpg"), member(b"a.jpg")),
            filename="d.tar",
            paths=("A.jpg", "a.jpg"),
            warns=True,
        ),
        Hostile(
            name="zip with a repeated directory",
            build=_zip(file("a/", b""), file("a/", b""), file("a/b")),
            paths=("a/b",),
        ),
    ]
    return rows


def _ustar_prefix() -> bytes:
    block = bytearray(header(b"x", 7))
    block[345:349] = b"../a"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return tar(bytes(block) + padded(b"content"))


def _encodings() -> list[Hostile]:
    gbk, big5, chance = GBK_NAME.encode("gb18030"), BIG5_NAME.encode("big5"), "一.jpg".encode("gb18030")
    second_name = struct.pack("<HHBI", 0x7075, 5 + 5, 1, zlib.crc32(b"a.jpg"))
    same = Described(extra=second_name + b"a.jpg")
    other = Described(extra=second_name + b"b.jpg")
    return [
        Hostile(
            name="zip with GBK names",
            build=_zip(file(gbk, flags=0), file(b"plain.txt", flags=0)),
            paths=(GBK_NAME, "plain.txt"),
        ),
        Hostile(
            name="zip with UTF-8 names and no mark", build=_zip(file(GBK_NAME, flags=0)), paths=(GBK_NAME,)
        ),
        Hostile(
            name="zip with GBK names beside marked ones",
            build=_zip(file(gbk, flags=0), file("图.jpg")),
            paths=(GBK_NAME, "图.jpg"),
        ),
        Hostile(
            name="zip with Big5 names and a request",
            build=_zip(file(big5, flags=0)),
            paths=(BIG5_NAME,),
            name_encoding="big5",
        ),
        Hostile(
            name="zip with a GBK name that is UTF-8 by chance and a request",
            build=_zip(file(chance, flags=0)),
            paths=("一.jpg",),
            name_encoding="gbk",
        ),
        Hostile(
            name="zip with names in no encoding",
            build=_zip(file(b"\xff\xff.jpg", flags=0)),
            code="BAD_ENCODING",
        ),
        Hostile(
            name="zip with names in two encodings",
            build=_zip(file(gbk, flags=0), file(b"\xff\xff.jpg", flags=0)),
            code="BAD_ENCODING",
        ),
        Hostile(
            name="zip and a request for no encoding at all",
            build=_zip(file("a")),
            code="BAD_ENCODING",
            name_encoding="utf-7",
        ),
        Hostile(
            name="zip with a mark on a name that is no UTF-8",
            build=_zip(file("ok"), file(gbk)),
            code="BAD_NAME",
        ),
        Hostile(
            name="zip with a second name that differs",
            build=_zip(file("a.jpg", central=other)),
            code="BAD_NAME",
        ),
        Hostile(
            name="zip with a second name that differs locally",
            build=_zip(file("a.jpg", local=other)),
            code="BAD_NAME",
        ),
        Hostile(
            name="zip with a second name that agrees",
            build=_zip(file("a.jpg", local=same, central=same)),
            paths=("a.jpg",),
        ),
        Hostile(
            name="tar with GBK names",
            build=_tar(member(gbk), member(b"plain")),
            filename="d.tar",
            paths=(GBK_NAME, "plain"),
        ),
        Hostile(
            name="tar with Big5 names and a request",
            build=_tar(member(big5)),
            filename="d.tar",
            paths=(BIG5_NAME,),
            name_encoding="big5",
        ),
        Hostile(
            name="tar with GBK names of which the first is UTF-8 by chance",
            build=_tar(member(chance), member(gbk)),
            filename="d.tar",
            paths=("一.jpg", GBK_NAME),
        ),
        Hostile(
            name="tar with a GBK name that is UTF-8 by chance and a request",
            build=_tar(member(chance), member(gbk)),
            filename="d.tar",
            paths=("一.jpg", GBK_NAME),
            name_encoding="gbk",
        ),
        Hostile(
            name="tar with a UTF-8 name and a request that only fits the first",
            build=_tar(member("图片".encode()), member("图".encode())),
            filename="d.tar",
            paths=("图片", "图"),
            name_encoding="gbk",
        ),
        Hostile(
            name="tar with names in two encodings",
            build=_tar(member("图".encode()), member(gbk)),
            filename="d.tar",
            code="BAD_ENCODING",
        ),
        Hostile(
            name="tar with a pax path that is no UTF-8",
            build=_tar(pax({"path": gbk}), member(b"x")),
            filename="d.tar",
            code="BAD_NAME",
        ),
        Hostile(
            name="tar with a pax path",
            build=_tar(pax({"path": GBK_NAME, "mtime": "1.5"}), member(b"x")),
            filename="d.tar",
            paths=(GBK_NAME,),
        ),
        Hostile(
            name="tar with a GNU long name",
            build=_tar(long_name(b"d/" * 60 + b"x"), member(b"x")),
            filename="d.tar",
            paths=("d/" * 60 + "x",),
        ),
    ]


def _types() -> list[Hostile]:
    rows = [
        Hostile(
            name=f"zip with {what}", build=_zip(file("x", b"/etc/passwd", mode=mode)), code="UNSUPPORTED_TYPE"
        )
        for what, mode in (("a symbolic link", SYMLINK), ("a device", CHARACTER_DEVICE), ("a FIFO", FIFO))
    ]
    kinds = {
        "a hard link": b"1",
        "a symbolic link": b"2",
        "a character device": b"3",
        "a block device": b"4",
        "a FIFO": b"6",
        "a sparse file": b"S",
        "another volume": b"M",
    }
    rows += [
        Hostile(
            name=f"tar with {what}",
            build=_tar(header(b"x", 0, kind, linkname=b"/etc/passwd")),
            filename="d.tar",
            code="UNSUPPORTED_TYPE",
        )
        for what, kind in kinds.items()
    ]
    chain = [header(b"d%04d" % i, 0, b"2", linkname=b"d%04d/d" % (i + 1)) for i in range(1000)]
    owned = pax({"SCHILY.xattr.security.capability": b"\1\0\0\2", "uname": "root"})
    return [
        *rows,
        Hostile(
            name="tar with a link target longer than PATH_MAX",
            build=_tar(long_name(b"d/" * 4096, b"K"), header(b"x", 0, b"2")),
            filename="d.tar",
            code="UNSUPPORTED_TYPE",
        ),
        Hostile(
            name="tar with a chain of links",
            build=_tar(*chain, member(b"d0000/x")),
            filename="d.tar",
            code="UNSUPPORTED_TYPE",
        ),
        Hostile(
            name="tar with a sparse file in pax",
            build=_tar(pax({"GNU.sparse.major": "1"}), member(b"x")),
            filename="d.tar",
            code="UNSUPPORTED_TYPE",
        ),
        Hostile(
            name="tar with setuid, owners and attributes",
            build=_tar(owned + member(b"x", mode=0o4755, owner=b"root")),
            filename="d.tar",
            paths=("x",),
        ),
        Hostile(name="zip with setuid", build=_zip(file("x", mode=0o104755)), paths=("x",)),
        Hostile(
            name="zip with a directory that has content",
            build=_zip(file("a/", b"content")),
            code="ZIP_AMBIGUOUS",
        ),
        Hostile(
            name="zip with a file that says it is a directory",
            build=_zip(file("a", b"", mode=0o040755)),
            code="ZIP_AMBIGUOUS",
        ),
        Hostile(
            name="tar with a directory that has content",
            build=_tar(member(b"a/", b"content", b"5")),
            filename="d.tar",
            code="BAD_ARCHIVE",
        ),
        Hostile(name="encrypted zip", build=_zip(file("x", flags=1)), code="ENCRYPTED"),
        Hostile(name="strongly encrypted zip", build=_zip(file("x", flags=1 | 1 << 6)), code="ENCRYPTED"),
        Hostile(name="zip with masked headers", build=_zip(file("x", flags=1 << 13)), code="ENCRYPTED"),
        Hostile(name="zip with LZMA", build=_zip(file("x", method=14)), code="UNSUPPORTED"),
        Hostile(name="zip with zstd", build=_zip(file("x", method=93)), code="UNSUPPORTED"),
        Hostile(name="zip of several disks", build=_zip(file("x"), disk=1), code="UNSUPPORTED"),
        Hostile(
            name="zip with an entry on another disk",
            build=_zip(file("x", central=Described(disk=2))),
            code="UNSUPPORTED",
        ),
    ]


def _sizes() -> list[Hostile]:
    bomb = file("bomb", ZEROS, method=DEFLATED)
    small = {"entry_bytes": MIB}
    liar = replace(bomb, local=Described(size=10), central=Described(size=10))
    many = [file(f"{i}", ZEROS[:MIB], method=DEFLATED) for i in range(4)]
    tars = [member(b"%d" % i, ZEROS[:MIB]) for i in range(4)]
    return [
        Hostile(name="flat zip bomb", build=_zip(bomb), code="TOO_LARGE", limits=small),
        Hostile(
            name="zip bomb of many entries",
            build=_zip(*many),
            code="TOO_LARGE",
            limits={"total_bytes": 3 * MIB},
        ),
        Hostile(name="zip that declares 10 bytes and holds 4 MiB", build=_zip(liar), code="TOO_LARGE"),
        Hostile(
            name="zip that declares more than it holds",
            build=_zip(file("x", method=DEFLATED, local=Described(size=99), central=Described(size=99))),
            code="CORRUPT",
        ),
        Hostile(
            name="gzip bomb in a tar",
            build=lambda: gzip.compress(tar(member(b"x", ZEROS))),
            filename="d.tar.gz",
            code="TOO_LARGE",
            limits=small,
        ),
        Hostile(
            name="zstd bomb in a tar",
            build=lambda: zstandard.compress(tar(member(b"x", ZEROS))),
            filename="d.tar.zst",
            code="TOO_LARGE",
            limits=small,
        ),
        Hostile(
            name="gzip bomb after the end of a tar",
            build=lambda: gzip.compress(PLAIN_TAR + bytes(40 * MIB), 1),
            filename="d.tar.gz",
            code="TOO_LARGE",
        ),
        Hostile(
            name="tar bomb of many entries",
            build=_tar(*tars),
            filename="d.tar",
            code="TOO_LARGE",
            limits={"total_bytes": 3 * MIB},
        ),
        Hostile(
            name="tar that declares a file too large",
            build=_tar(header(b"x", 51 * 1024**3)),
            filename="d.tar",
            code="TOO_LARGE",
        ),
        Hostile(
            name="zip with one entry too many",
            build=_zip(*(file(f"{i}") for i in range(6))),
            code="TOO_MANY",
            limits={"entries": 5},
        ),
        Hostile(
            name="zip with as many entries as allowed",
            build=_zip(*(file(f"{i}") for i in range(5))),
            limits={"entries": 5},
            paths=tuple("01234"),
        ),
        Hostile(
            name="tar with one entry too many",
            build=_tar(*(member(b"%d" % i) for i in range(6))),
            filename="d.tar",
            code="TOO_MANY",
            limits={"entries": 5},
        ),
        Hostile(
            name="zip whose directory is too large",
            build=_zip(*(file("x" * 200 + f"{i}") for i in range(5))),
            code="TOO_LARGE",
            limits={"index_bytes": 1000},
        ),
        Hostile(name="zip inside a zip", build=_nested_zip, paths=("0.zip", "1.zip")),
        Hostile(
            name="zip that holds one of its own name",
            build=_zip(file("dataset.zip", PLAIN.build(), method=DEFLATED)),
            paths=("dataset.zip",),
        ),
        Hostile(
            name="stored zip inside a zip",
            build=_zip(file("dataset.zip", PLAIN.build())),
            paths=("dataset.zip",),
        ),
        Hostile(
            name="zip with a high ratio",
            build=_zip(file("mask", bytes(65 * MIB), method=DEFLATED)),
            paths=("mask",),
            warns=True,
        ),
    ]


def _nested_zip() -> bytes:
    """Like 42.zip: small outside, far beyond every limit if the inner files were unpacked."""
    inner = RawZip(entries=[file(f"{i}", ZEROS, method=DEFLATED) for i in range(4)]).build()
    return RawZip(entries=[file(f"{i}.zip", inner, method=DEFLATED) for i in range(2)]).build()


def _zip_structure() -> list[Hostile]:
    a, b, c = file("a.txt", b"aaaa"), file("b.txt", b"bbbb"), file("c.txt", b"cccc")
    deflated = file("a.txt", b"aaaa" * 100, method=DEFLATED)
    crc, size = zlib.crc32(b"aaaa"), 4
    streamed = replace(a, flags=UTF8 | DESCRIPTOR, local=Described(crc=0, size=0, packed_size=0))
    descriptor = struct.pack("<III", crc, size, size)
    sized = struct.pack("<HHQQ", 1, 16, 4, 4)
    wide = Described(size=0xFFFFFFFF, packed_size=0xFFFFFFFF, extra=sized)
    far = Described(offset=0xFFFFFFFF, extra=struct.pack("<HHQ", 1, 8, 0))

    def row(
        name: str, build: Callable[[], bytes], code: str | None = "ZIP_AMBIGUOUS", **more: object
    ) -> Hostile:
        return Hostile(name=name, build=build, code=code, **more)  # type: ignore[arg-type]  # any field of Hostile

    rows = [
        row(f"zip whose local header has another {what}", _zip(replace(deflated, local=said), b))
        for what, said in {
            "name": Described(name=b"z.txt"),
            "name of another length": Described(name=b"longer.txt"),
            "size": Described(size=99),
            "packed size": Described(packed_size=9),
            "CRC": Described(crc=1),
            "method": Described(method=0),
            "encryption flag": Described(flags=UTF8 | 1),
            "descriptor flag": Described(flags=UTF8 | DESCRIPTOR),
            "UTF-8 flag": Described(flags=0),
        }.items()
    ]
    return [
        *rows,
        row("zip with an entry missing in the middle", _zip(a, replace(b, in_directory=False), c)),
        row("zip with the first entry missing", _zip(replace(a, in_directory=False), b)),
        row("zip with the last entry missing", _zip(a, replace(b, in_directory=False))),
        row("zip that counts one entry more than it lists", _zip(a, b, count=3)),
        row("zip that counts one entry less than it lists", _zip(a, b, count=1)),
        row("zip with two end records", lambda: (one := PLAIN.build()) + one[-22:]),
        row(
            "zip with an end record in its comment",
            lambda: replace(PLAIN, comment=PLAIN.build()[-22:]).build(),
        ),
        row("zip after another zip", lambda: PLAIN.build() + RawZip(entries=[c]).build()),
        row("zip with data before it", _zip(a, before=b"#!/bin/sh\n")),
        row("zip with data before it, offsets unaware", lambda: b"#!/bin/sh\n" + PLAIN.build()),
        row("zip with data after it", _zip(a, after=b"tail")),
        row("zip with data between two entries", _zip(replace(a, after=b"hidden"), b)),
        row("zip with much data between two entries", _zip(replace(a, after=bytes(99_999)), b)),
        row("zip with data before its directory", _zip(a, before_directory=b"hidden")),
        row(
            "zip with data after a deflate stream",
            _zip(replace(deflated, packed=raw_deflate(deflated.data) + b"hidden")),
        ),
        row(
            "zip with a comment",
            lambda: replace(PLAIN, comment="说明".encode()).build(),
            None,
            paths=("a/1.txt", "a/2.txt"),
        ),
        row(
            "zip with its directory in another order",
            _zip(a, b, c, order=(2, 0, 1)),
            None,
            paths=("a.txt", "b.txt", "c.txt"),
        ),
        row("zip that is empty", _zip(), None, paths=()),
        row(
            "zip with directories",
            _zip(file("d/", b""), file("d/e/", b""), file("d/e/f")),
            None,
            paths=("d/e/f",),
        ),
        row("zip with full overlap", _zip(a, file("z.txt", b"aaaa", central=Described(offset=0))), "OVERLAP"),
        row("zip with quoted overlap", _quoted_overlap, "OVERLAP"),
        row(
            "zip with a data descriptor",
            _zip(replace(streamed, after=b"PK\x07\x08" + descriptor), b),
            None,
            paths=("a.txt", "b.txt"),
        ),
        row(
            "zip with a data descriptor without signature",
            _zip(replace(streamed, after=descriptor), b),
            None,
            paths=("a.txt", "b.txt"),
        ),
        row(
            "zip with a zip64 data descriptor",
            _zip(replace(streamed, after=b"PK\x07\x08" + struct.pack("<IQQ", crc, size, size))),
            None,
            paths=("a.txt",),
        ),
        row(
            "zip with a data descriptor that disagrees",
            _zip(replace(streamed, after=struct.pack("<III", crc, size, size + 1))),
        ),
        row("zip with a data descriptor that is missing", _zip(streamed)),
        row(
            "zip64", _zip(replace(a, local=wide, central=wide), b, zip64=True), None, paths=("a.txt", "b.txt")
        ),
        row("zip64 with an offset", _zip(replace(a, central=far), zip64=True), None, paths=("a.txt",)),
        row(
            "zip64 with a size that differs locally",
            _zip(replace(a, central=wide, local=replace(wide, extra=struct.pack("<HHQQ", 1, 16, 5, 4)))),
        ),
        row(
            "zip64 with its extra field twice",
            _zip(replace(a, central=replace(wide, extra=sized + sized), local=wide)),
        ),
        row("zip64 without its extra field", _zip(replace(a, central=replace(wide, extra=b"")))),
        row("zip64 whose locator points elsewhere", _zip(a, zip64=True, locator_shift=4)),
        row(
            "zip64 that counts otherwise than the short record",
            _zip(a, b, zip64=True, count=2, zip64_count=3),
        ),
        row("zip with more than 65,535 entries", _many, None),
        row(
            "zip with a wrong CRC",
            _zip(replace(a, local=Described(crc=1), central=Described(crc=1))),
            "CORRUPT",
        ),
        row(
            "zip with a wrong CRC under deflate",
            _zip(replace(deflated, local=Described(crc=1), central=Described(crc=1))),
            "CORRUPT",
        ),
        row(
            "zip with a damaged deflate stream",
            _zip(replace(deflated, packed=b"\xff\xff\xff\xff")),
            "CORRUPT",
        ),
        row(
            "zip with a deflate stream cut off",
            _zip(replace(deflated, packed=raw_deflate(deflated.data)[:-2])),
            "CORRUPT",
        ),
        row("no zip at all", lambda: b"not an archive, whatever its name says" * 20, "BAD_ARCHIVE"),
        row("an empty file", lambda: b"", "BAD_ARCHIVE"),
        row("a 7z archive", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(600), "BAD_ARCHIVE", filename="d.7z"),
    ]


def _quoted_overlap() -> bytes:
    """A deflate stream whose first block quotes the local header of the next entry, which is so within the first."""
    inner = file("b.txt", b"kernel" * 10, method=DEFLATED)
    quoted = inner.local_record()
    stored_block = struct.pack(
        "<BHH", 0, len(quoted[: -len(inner.stored)]), len(quoted[: -len(inner.stored)]) ^ 0xFFFF
    )
    packed = stored_block + quoted
    outer = file("a.txt", quoted[: -len(inner.stored)] + inner.data, method=DEFLATED, packed=packed)
    start = len(outer.local_record()) - len(quoted)
    listed = replace(inner, central=Described(offset=start))
    body = outer.local_record()
    directory = outer.central_record(0) + listed.central_record(start)
    return body + directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 2, 2, len(directory), len(body), 0)


def _many() -> bytes:
    return RawZip(entries=[file(f"{i:06d}", b"") for i in range(65_537)], zip64=True).build()


def _tar_structure() -> list[Hostile]:
    negative = b"\xff" * 8 + b"\xff\xff\xff\x00"
    big = b"\x80" + bytes(3) + b"\x7f" * 8

    def row(name: str, build: Callable[[], bytes], code: str | None, **more: object) -> Hostile:
        return Hostile(name=name, build=build, code=code, **{"filename": "d.tar", **more})  # type: ignore[arg-type]  # any field

    return [
        row("tar with a negative size", _tar(header(b"x", negative)), "BAD_ARCHIVE"),
        row("tar with a negative octal size", _tar(header(b"x", b"-0000000001\0")), "BAD_ARCHIVE"),
        row("tar with a size that is no number", _tar(header(b"x", b"0000000009x\0")), "BAD_ARCHIVE"),
        row("tar with a huge binary size", _tar(header(b"x", big)), "TOO_LARGE"),
        row(
            "tar with a binary size",
            _tar(header(b"x", b"\x80" + bytes(10) + b"\x07") + padded(b"content")),
            None,
            paths=("x",),
        ),
        row("tar with a pax header of no length", _tar(member(b"p", b"", b"x"), member(b"x")), "BAD_ARCHIVE"),
        row(
            "tar with a pax record of no length",
            _tar(member(b"p", b"0 path=x\n", b"x"), member(b"x")),
            "BAD_ARCHIVE",
        ),
        row(
            "tar with a pax record that leads back to the start",
            _tar(member(b"p", b"8 a=bcd\nnospacehere\n", b"x"), member(b"x")),
            "BAD_ARCHIVE",
        ),
        row(
            "tar with a pax record too long",
            _tar(member(b"p", b"99 path=x\n", b"x"), member(b"x")),
            "BAD_ARCHIVE",
        ),
        row("tar with a negative pax size", _tar(pax({"size": "-1"}), member(b"x")), "BAD_ARCHIVE"),
        row(
            "tar with a pax size",
            _tar(pax({"size": "7"}), header(b"x", 0) + padded(b"content")),
            None,
            paths=("x",),
        ),
        row(
            "tar with one name for all files",
            _tar(pax({"path": "x"}, b"g"), member(b"a"), member(b"b")),
            "BAD_ARCHIVE",
        ),
        row(
            "tar with a global comment",
            _tar(pax({"comment": "0123abcd"}, b"g"), member(b"a")),
            None,
            paths=("a",),
        ),
        row("tar with a huge pax header", _tar(header(b"p", 2 * MIB, b"x")), "BAD_ARCHIVE"),
        row(
            "tar of endless headers", _tar(*[pax({"comment": "x"}, b"g")] * 100, member(b"a")), "BAD_ARCHIVE"
        ),
        row(
            "tar with a wrong checksum at the start", _tar(header(b"x", 0, checksum_off_by=1)), "BAD_ARCHIVE"
        ),
        row(
            "tar with a wrong checksum later",
            _tar(member(b"a"), header(b"x", 0, checksum_off_by=1)),
            "CORRUPT",
        ),
        row("tar without an end", _tar(member(b"a"), end=b""), "CORRUPT"),
        row("tar with half an end", _tar(member(b"a"), end=bytes(512)), "CORRUPT"),
        row("tar with data after its end", _tar(member(b"a"), END, b"hidden"), "BAD_ARCHIVE"),
        row("tar after another tar", lambda: PLAIN_TAR + tar(member(b"z")), "BAD_ARCHIVE"),
        row("tar with zeros after its end", _tar(member(b"a"), END, bytes(9000)), None, paths=("a",)),
        row("tar that is empty", _tar(), None, paths=()),
        row(
            "tar.gz of two gzip members",
            lambda: gzip.compress(PLAIN_TAR[:700]) + gzip.compress(PLAIN_TAR[700:]),
            None,
            filename="d.tar.gz",
        ),
        row(
            "tar.gz with zeros after it",
            lambda: gzip.compress(PLAIN_TAR) + bytes(600),
            None,
            filename="d.tar.gz",
        ),
        row(
            "tar.gz with data after it",
            lambda: gzip.compress(PLAIN_TAR) + b"hidden",
            "BAD_ARCHIVE",
            filename="d.tar.gz",
        ),
        row(
            "tar.gz with a wrong checksum",
            lambda: gzip.compress(PLAIN_TAR)[:-8] + bytes(8),
            "CORRUPT",
            filename="d.tar.gz",
        ),
        row(
            "gzip of something else",
            lambda: gzip.compress(b"no tar" * 200),
            "BAD_ARCHIVE",
            filename="d.tar.gz",
        ),
        row(
            "tar.zst of two frames",
            lambda: zstandard.compress(PLAIN_TAR[:700]) + zstandard.compress(PLAIN_TAR[700:]),
            None,
            filename="d.tar.zst",
        ),
        row(
            "tar.zst with data after it",
            lambda: zstandard.compress(PLAIN_TAR) + b"hidden!!!",
            "CORRUPT",
            filename="d.tar.zst",
        ),
        row("tar.zst with too large a window", _wide_window, "UNSUPPORTED", filename="d.tar.zst"),
    ]


def _wide_window() -> bytes:
    """A frame that asks for a window of 2 GiB."""
    settings = zstandard.ZstdCompressionParameters.from_level(1, window_log=31)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    return packer.compress(PLAIN_TAR) + packer.flush()


def _truncations() -> list[Hostile]:
    """Each kind of archive cut at many points, so that every kind of record is cut somewhere."""

    def cut(whole: Callable[[], bytes], at: float) -> Callable[[], bytes]:
        return lambda: (data := whole())[: max(4, int(len(data) * at))]

    kinds: dict[str, Callable[[], bytes]] = {
        "zip": PLAIN.build,
        "tar": lambda: PLAIN_TAR[:-512],
        "tar.gz": lambda: gzip.compress(PLAIN_TAR),
        "tar.zst": lambda: zstandard.compress(PLAIN_TAR),
    }
    return [
        Hostile(
            name=f"{kind} cut off at {place}/24",
            build=cut(whole, place / 24),
            filename=f"d.{kind}",
            code="CORRUPT",
        )
        for kind, whole in kinds.items()
        for place in range(1, 24)
    ]


HOSTILE: list[Hostile] = [
    *_names(),
    *_encodings(),
    *_types(),
    *_sizes(),
    *_zip_structure(),
    *_tar_structure(),
    *_truncations(),
]
