"""Places: one canonical form of where a storage is, so that two spellings of one place are seen to be one.

Spellings are compared, systems are not believed: where two places cannot be told apart for certain, they count as the
same. Each kind of storage has a rule in the registry that names all places that its URL and options may lead to.
Nothing is contacted here but the resolver, and that only for servers whose paths are in conflict already.
"""

import json
import re
import socket
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from itertools import product
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from storage_adapters.network.reach import addresses_of
from storage_adapters.options import OptionValue

Options = Mapping[str, OptionValue]
Segments = tuple[str, ...]

AREAS = ("archives", "datasets", "uploads", ".datacenter")
"""First segments of the keys under which a platform keeps what belongs to all projects."""
LOCAL = "directory"
"""The system of places that are directories of this machine."""
_SNAPSHOTS = {".snapshot": 1, "~snapshot": 1, ".snap": 1, ".zfs": 2}
"""Directories of snapshots (HDFS, NetApp, CephFS, ZFS), and how many segments follow before the path goes on as usual."""
_DECODINGS = 8
_LOOPBACK = "localhost"
_LOOPBACK_NAMES = {_LOOPBACK, "localhost.localdomain", "ip6-localhost", "ip6-loopback"}
_NUMBERS = re.compile(r"[0-9a-fx.]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class CanonicalPlace:
    """A directory, or a prefix, of one file system, bucket or server.

    `hosts` are all names and addresses under which the system is known; none: it is not told apart by its servers.
    `container` is the bucket, or the database. `path` is as it was given.
    """

    system: str
    hosts: frozenset[str] = frozenset()
    container: str = ""
    path: str = "/"

    def to_text(self) -> str:
        """The same place always has the same text."""
        shown = {"system": self.system, "hosts": sorted(self.hosts), "path": self.path}
        return json.dumps({**shown, "container": self.container}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> "CanonicalPlace":
        """The place that `to_text` wrote."""
        found = json.loads(text)
        return cls(**{**found, "hosts": frozenset(found["hosts"])})

    def below(self, key: str) -> "CanonicalPlace":
        """The place of a key, or of an area, under this one."""
        path = f"{self.path.rstrip('/')}/{key}"
        return CanonicalPlace(system=self.system, hosts=self.hosts, container=self.container, path=path)


PlaceRule = Callable[[str, Options], Iterable[CanonicalPlace]]
"""From the URL and the options of a storage to every place that they may lead to."""


def are_nested(one: Iterable[CanonicalPlace], other: Iterable[CanonicalPlace]) -> bool:
    """Whether a place of one storage may be inside a place of the other; the same place is not nested."""
    return any(
        _overlap(first.path, second.path, strictly=True) and may_share(first, second)
        for first, second in product(tuple(one), tuple(other))
    )


def may_share(one: CanonicalPlace, other: CanonicalPlace) -> bool:
    """Whether two places may be on one system. Looks names up if they differ, which can take seconds."""
    if (one.system, one.container) != (other.system, other.container):
        return False
    if not one.hosts or not other.hosts:
        return True
    first, second = _known_as(one.hosts), _known_as(other.hosts)
    if first & second or any(
        _is_short_for(*pair) or _is_short_for(*pair[::-1]) for pair in product(first, second)
    ):
        return True
    addresses, others = (
        {canonical_host(each) for name in names for each in addresses_of(name)} for names in (first, second)
    )
    return bool(addresses & others)


class OwnAreas:
    """What a source must not list or read: the platforms' own areas, as far as they lie where the source is."""

    def __init__(self, sources: Iterable[CanonicalPlace], platforms: Iterable[CanonicalPlace]) -> None:
        """Compares the paths first, so that names are looked up only for places in conflict."""
        self._sources: dict[CanonicalPlace, set[Segments]] = {}
        for source, platform in product(tuple(sources), tuple(platforms)):
            if (source.system, source.container) != (platform.system, platform.container):
                continue  # nearly all
            areas = {each for area in AREAS for each in spellings(platform.below(area).path)}
            near = {area for area in areas if any(_meet(area, each) for each in spellings(source.path))}
            if near and may_share(source, platform):
                self._sources.setdefault(source, set()).update(near)

    @property
    def has_root(self) -> bool:
        """Whether the whole source lies in such an area."""
        return any(_is_in(source.path, areas) for source, areas in self._sources.items())

    def has(self, key: str) -> bool:
        """Whether a key, or a prefix, of the source lies in such an area."""
        return any(_is_in(source.below(key).path, areas) for source, areas in self._sources.items())

    def end_of(self, key: str) -> str:
        """The shortest prefix of a key in an area that is in it as well."""
        parts = key.split("/")
        prefixes = ("/".join(parts[:count]) for count in range(1, len(parts)))
        return next((prefix for prefix in prefixes if self.has(prefix)), key)


def directory_places(url: str, _options: Options) -> Iterator[CanonicalPlace]:
    """A directory of this machine; the caller has resolved its symbolic links."""
    yield CanonicalPlace(system=LOCAL, path=url.removeprefix("nas://"))


def hdfs_places(url: str, options: Options) -> Iterator[CanonicalPlace]:
    """One file system for both protocols: the nameservice and its NameNodes, on whatever ports."""
    servers, _, path = url.partition("://")[2].partition("/")
    named = [*servers.split(","), *str(options.get("namenodes", "")).split(",")]
    hosts = {canonical_host(_without_port(each)) for each in named if each.strip()}
    if options.get("config_dir"):
        configured = _configured_hosts(str(options["config_dir"]), servers)
        hosts = set() if configured is None else hosts | configured
    yield CanonicalPlace(system="hdfs", hosts=frozenset(hosts), path=f"/{path}")


def bucket_places(url: str, options: Options) -> Iterator[CanonicalPlace]:
    """A bucket by its name alone: one gateway has many endpoints, and no list of addresses proves that two are not one.

    The gateway may also find the bucket's name in the name of its own host, wherever that ends.
    """
    name, _, root = url.partition("://")[2].partition("/")
    # A gateway of Ceph takes `tenant:bucket` for the bucket of a tenant, who may be the account's own.
    bucket = _plain(unquote(name.rpartition("@")[2].rpartition(":")[2])).rstrip(".")
    try:
        host = canonical_host(urlsplit(str(options.get("endpoint", ""))).hostname or "")
    except ValueError:
        host = ""
    yield CanonicalPlace(system="bucket", container=bucket, path=f"/{root}")
    labels = [] if _is_address(host) else host.split(".")
    for count in range(1, len(labels)):
        prefix = ".".join(labels[:count])
        yield CanonicalPlace(system="bucket", container=f"{bucket}.{prefix}", path=f"/{root}")
        yield CanonicalPlace(system="bucket", container=prefix, path=f"/{bucket}/{root}")


def mysql_places(url: str, options: Options) -> Iterator[CanonicalPlace]:
    """A server by host and port, and the database in which datasets are kept."""
    yield _server("mysql", 3306, url, str(options.get("database", "")))


def hive_places(url: str, _options: Options) -> Iterator[CanonicalPlace]:
    """A server by host and port. Its staging directory is a place of its own, see the registry."""
    yield _server("hive", 10000, url, "")


def _server(system: str, usual_port: int, url: str, database: str) -> CanonicalPlace:
    try:
        parts = urlsplit(url)
        host, port = canonical_host(parts.hostname or ""), parts.port or usual_port
    except ValueError:
        host, port = "", usual_port
    return CanonicalPlace(system=system, hosts=frozenset({host}), container=f"{port}/{database}")


def canonical_host(host: str) -> str:
    """One spelling of a host: an address in its usual form, and one word for this machine. Looks nothing up."""
    text = _plain(unquote(host)).strip().strip("[]").rstrip(".")
    try:
        found = ip_address(socket.inet_ntoa(socket.inet_aton(text)) if _NUMBERS.fullmatch(text) else text)
    except (OSError, ValueError):
        if text in _LOOPBACK_NAMES or text.endswith(f".{_LOOPBACK}"):
            return _LOOPBACK
        try:
            return text.encode("idna").decode()
        except UnicodeError:
            return text
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or ip_address(str(found).partition("%")[0])
    return _LOOPBACK if found.is_loopback or found.is_unspecified else str(found)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_short_for(one: str, other: str) -> bool:
    """Whether a host without a domain has the first label of the other."""
    return bool(one) and "." not in one and not _is_address(other) and other.partition(".")[0] == one


def _known_as(hosts: frozenset[str]) -> frozenset[str]:
    """The hosts, and this machine's other names if it is one of them; these differ between machines."""
    name = canonical_host(socket.gethostname())
    own = {_LOOPBACK, name, name.partition(".")[0]}
    return hosts | own if hosts & own else hosts


def _without_port(server: str) -> str:
    server = server.strip().rpartition("@")[2]
    host, _, digits = server.rpartition(":")
    return host if digits.isdecimal() and host else server


def _configured_hosts(directory: str, nameservice: str) -> set[str] | None:
    """The NameNodes of a nameservice in Hadoop's files; None if they cannot be read."""
    found: dict[str, str] = {}
    for name in ("core-site.xml", "hdfs-site.xml"):
        try:
            content = (Path(directory) / name).read_bytes()
            tree = ElementTree.fromstring(content)  # noqa: S314 - a file of the operator, see `registration.files`
        except FileNotFoundError:
            continue
        except (OSError, ValueError, ElementTree.ParseError):
            return None
        found |= {each.findtext("name", ""): each.findtext("value", "") for each in tree.iter("property")}
    if not found:
        return None
    wanted = f".{nameservice.casefold()}."
    return {
        canonical_host(_without_port(value))
        for name, value in found.items()
        if name.startswith("dfs.namenode.") and "-address" in name and wanted in f"{name.casefold()}."
    }


def spellings(path: str) -> frozenset[Segments]:
    """The segments of a path in the two ways in which a system may read it, as the most lenient one compares them.

    Once as it is written, and once with percent signs decoded and backslashes as slashes. Case, forms of Unicode,
    invisible characters, trailing full stops and spaces do not count; a snapshot is the directory that it was taken of.
    """
    if path.isascii() and "%" not in path and "\\" not in path:
        return frozenset({_fold(path.split("/"))})
    lenient = path
    for _ in range(_DECODINGS):
        decoded = unquote(lenient)
        if decoded == lenient:
            break
        lenient = decoded
    lenient = unicodedata.normalize("NFKC", lenient).replace("\\", "/")
    return frozenset({_fold(path.split("/")), _fold(lenient.split("/"))})


def _fold(segments: list[str]) -> Segments:
    found: list[str] = []
    skipped = 0
    for segment in segments:
        plain = segment.lower() if segment.isascii() else _plain(segment)
        if segment == "..":
            del found[-1:]
        elif segment in ("", "."):
            continue
        elif skipped:
            skipped -= 1
        elif plain in _SNAPSHOTS:
            skipped = _SNAPSHOTS[plain]
        else:
            found.append(plain.rstrip(". ") or plain)
    return tuple(found)


def _plain(segment: str) -> str:
    visible = "".join(each for each in segment if unicodedata.category(each) != "Cf")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())


def _meet(one: Segments, other: Segments) -> bool:
    """Whether one of the two begins with the other."""
    return all(first == second for first, second in zip(one, other, strict=False))


def _overlap(one: str, other: str, *, strictly: bool) -> bool:
    return any(
        _meet(first, second) and not (strictly and first == second)
        for first, second in product(spellings(one), spellings(other))
    )


def _is_in(path: str, areas: Collection[Segments]) -> bool:
    return any(each[: len(area)] == area for each in spellings(path) for area in areas)
