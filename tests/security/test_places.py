"""No source reads what a platform keeps for all projects: by no spelling, system, link, order or change of a registration."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.moto_server import MotoServer
from sqlalchemy import select
from support.jobs.workbench import Workbench
from support.storages.s3_places import Gateway

from datacenter.access.projects import ensure_project
from datacenter.access.tokens import create_token
from datacenter.database.engine import now
from datacenter.datasets.models import Litter
from datacenter.datasets.resources import Resources
from datacenter.datasets.storages.browsing import browse
from datacenter.errors import DataCentreError
from datacenter.settings.model import Settings, StorageSettings
from datacenter.settings.rules import find_nested
from datacenter.startup import remember_platforms
from datacenter.storages.opener import Storages
from datacenter.storages.owners import own_key
from datacenter.storages.rows import PlatformPlace, RegisteredStorage
from datacenter.web.server import build_server
from storage_adapters import places
from storage_adapters.errors import ConfigurationInvalid, PlaceRefused, StorageError
from storage_adapters.object_storage.contract import ByteRange, NewObject
from storage_adapters.places import CanonicalPlace, OwnAreas, are_nested
from storage_adapters.registry import ADAPTERS, open_storage, places_of

STORAGES = "/api/v1/storages"
SECRET = b"a file of another project"
KEY = "datasets/victim/objects/1.bin"
NN = "nn1.example.com"
BUCKET = {"endpoint": "https://rgw.example.com", "access_key": "k", "secret_key": "s"}


class Lair:
    """A running service with a NAS platform that holds a file of another project, and a client with a token."""

    client: httpx.Client

    def __init__(self, home: Path) -> None:
        self.bench = Workbench(home)
        self.home = home
        self.platform = self.bench.root
        self.put(self.platform)
        with self.bench.database.transaction() as session:
            _, token = create_token(session, ensure_project(session, "attacker").id, "test")
        self.headers = {"Authorization": f"Bearer {token}"}

    def put(self, root: Path) -> None:
        """A file of another project at a place."""
        (root / KEY).parent.mkdir(parents=True, exist_ok=True)
        (root / KEY).write_bytes(SECRET)

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.client.request(method, path, json=body, headers=self.headers)

    def add(self, name: str, url: object, role: str = "source", kind: str = "nas", **options: Any) -> int:
        body = {"name": name, "kind": kind, "url": str(url), "role": role, "options": options}
        return self.call("POST", STORAGES, body).status_code

    def stolen(self, name: str, prefix: str) -> bool:
        """Whether the file can be had from a storage: browsed, or imported by its key or its prefix."""
        return any(
            [
                self.browsed(name, prefix),
                self.imported(name, key=f"{prefix}{KEY}"),
                *self.prefixes(name, prefix),
            ]
        )

    def browsed(self, name: str, prefix: str) -> bool:
        """Whether one can browse down to the file."""
        folder, _, file = f"{prefix}{KEY}".rpartition("/")
        found = self.call("GET", f"{STORAGES}/{name}/browse?prefix={folder}/")
        return file in found.text

    def prefixes(self, name: str, prefix: str) -> Iterator[bool]:
        parts = f"{prefix}{KEY}".split("/")[:-1]
        for count in range(len(parts) + 1):
            yield self.imported(name, prefix="/".join(parts[:count]))

    def imported(self, name: str, **source: str) -> bool:
        """Whether an import of this source has the file among its own."""
        body = {"name": f"d-{uuid4().hex[:8]}", "source": {"storage": name, **source}}
        made = self.call("POST", "/api/v1/datasets", body)
        if made.status_code != 202:
            return False
        self.bench.work()
        dataset = made.json()["dataset"]["id"]
        files = self.call("GET", f"/api/v1/datasets/{dataset}/files")
        # An archive that is none says so only after its bytes were read.
        job = self.call("GET", f"/api/v1/jobs/{made.json()['job']['id']}").json()
        read = (job["error"] or {}).get("code") not in (
            None,
            "STORAGE_PLACE_REFUSED",
            "NOTHING_TO_IMPORT",
            "OBJECT_MISSING",
        )
        return "1.bin" in files.text or read


@contextmanager
def serving(settings: Settings, resources: Resources | None = None) -> Iterator[httpx.Client]:
    """A client of a server in a thread."""
    ready: SimpleQueue[str] = SimpleQueue()
    server = build_server(
        settings.model_copy(update={"web": settings.web.model_copy(update={"port": 0})}), resources, ready.put
    )
    thread = Thread(target=server.run)
    thread.start()
    try:
        with httpx.Client(base_url=ready.get(timeout=30), timeout=60) as client:
            yield client
    finally:
        server.stop()
        thread.join()


@pytest.fixture
def lair(tmp_path: Path) -> Iterator[Lair]:
    found = Lair(tmp_path)
    with serving(found.bench.settings, found.bench.resources) as found.client:
        yield found
    found.bench.close()


def test_the_attack_itself_works_on_a_place_that_was_never_a_platform(lair: Lair) -> None:
    lair.put(lair.home / "free" / "data")
    assert lair.add("free", lair.home / "free") == 201
    assert lair.stolen("free", "data/")


def test_a_platform_never_becomes_a_source(lair: Lair) -> None:
    assert lair.add("plat", lair.home / "plat", "platform") == 201
    lair.put(lair.home / "plat")

    refused = lair.call("PATCH", f"{STORAGES}/plat", {"role": "source"})

    assert (refused.status_code, refused.json()["code"]) == (409, "STORAGE_IN_USE")
    assert lair.call("PATCH", f"{STORAGES}/plat", {"role": "both"}).status_code == 200
    assert lair.call("PATCH", f"{STORAGES}/plat", {"role": "source"}).status_code == 409
    assert not lair.stolen("plat", "")


@pytest.mark.parametrize(
    "below", ["datasets", "datasets/victim", "uploads", "archives/x", ".datacenter", "other", "."]
)
def test_no_source_is_registered_below_a_platform_or_its_areas(lair: Lair, below: str) -> None:
    assert lair.add("plat", lair.home / "plat", "platform") == 201
    place = lair.home / "plat" / below
    expected = 201 if below == "." else 422
    assert lair.add("thief", place) == expected
    assert lair.add("thief-by-url", f"nas://{lair.home}//plat/./{below}/") == expected


@pytest.mark.parametrize("below", ["", "datasets/", "datasets/victim/objects/"])
def test_a_source_at_the_place_of_a_platform_that_was_removed_shows_none_of_its_areas(
    lair: Lair, below: str
) -> None:
    assert lair.add("plat", lair.home / "plat", "platform") == 201
    lair.put(lair.home / "plat")
    assert lair.call("DELETE", f"{STORAGES}/plat").status_code == 204

    if lair.add("thief", f"{lair.home}/plat/{below}") == 201:
        assert not lair.stolen("thief", "")
    assert lair.add("above", lair.home) in (201, 422)
    assert not lair.stolen("above", "plat/")


def test_a_source_above_a_platform_that_came_later_shows_none_of_its_areas(lair: Lair) -> None:
    lair.put(lair.home / "outer" / "plat")
    assert lair.add("outer", lair.home / "outer") == 201
    assert lair.stolen("outer", "plat/")
    (lair.home / "outer" / "fine.txt").write_text("x")

    # By the settings file, which no registration checks.
    storages = {
        **lair.bench.settings.storages,
        "late": StorageSettings(kind="nas", url=f"{lair.home}/outer/plat"),
    }
    settings = lair.bench.settings.model_copy(update={"storages": storages})
    resources = lair.bench.resources
    object.__setattr__(resources, "storages", Storages(settings, resources.database))

    assert not lair.stolen("outer", "plat/")
    found = lair.call("GET", f"{STORAGES}/outer/browse").json()["items"]
    assert [entry["key"] for entry in found] == ["fine.txt"]


def test_a_platform_of_the_settings_file_is_remembered_after_it_left_the_file(lair: Lair) -> None:
    lair.bench.resources.storages.remember_platforms()
    lair.bench.resources.storages.remember_platforms()
    storages = {"other": StorageSettings(kind="nas", url=f"{lair.home}/other")}
    settings = lair.bench.settings.model_copy(update={"storages": storages, "default_storage": "other"})
    with serving(settings) as lair.client:
        assert lair.add("thief", lair.platform / "datasets") == 422
        assert lair.add("same", lair.platform) == 201
        assert not lair.browsed("same", "")
        assert lair.call("GET", f"{STORAGES}/same/browse?prefix=datasets/").status_code == 422


def test_the_start_of_a_process_remembers_platforms_of_the_settings_and_of_earlier_releases(
    tmp_path: Path,
) -> None:
    bench = Workbench(tmp_path)
    with bench.database.transaction() as session:
        moment = now(session)
        columns = {"kind": "memory", "role": "platform", "options": {}, "secrets": None}
        session.add(
            RegisteredStorage(
                name="old", url="memory://old/dc", **columns, created_at=moment, updated_at=moment
            )
        )

    for _ in range(2):
        remember_platforms(bench.settings)

    with bench.database.reading() as session:
        known = {
            (row.storage, CanonicalPlace.from_text(row.place).path)
            for row in session.scalars(select(PlatformPlace))
        }
    # `shared` has the place of `default`, so it is the same row.
    assert {path for _, path in known} == {"/dc", str(bench.root)}
    assert len(known) == 2
    bench.close()


@pytest.mark.parametrize("link", ["root", "within"])
def test_a_link_of_a_source_leads_into_no_platform(lair: Lair, link: str) -> None:
    inbox = lair.home / "links"
    inbox.mkdir()
    if link == "root":
        (inbox / "in").symlink_to(lair.platform)
        assert lair.add("thief", inbox / "in" / "datasets") == 422
        assert lair.add("thief", inbox / "in" / ".." / "storage" / "datasets") == 422
        return
    assert lair.add("thief", inbox) == 201
    for name, target in (("a", lair.platform), ("datasets2", lair.platform / "datasets"), ("x", lair.home)):
        (inbox / name).symlink_to(target)
    assert not lair.stolen("thief", "a/")
    assert not lair.imported("thief", key="datasets2/victim/objects/1.bin")
    assert not lair.imported("thief", key=f"x/storage/{KEY}")


@pytest.mark.parametrize("change", [{"url": "webhdfs://nn2/other"}, {"options": {"user": "hdfs"}}])
def test_neither_place_nor_user_of_a_platform_change_under_what_lies_there(
    lair: Lair, change: dict[str, Any]
) -> None:
    assert lair.add("cluster", "webhdfs://nn1/dc", "platform", "webhdfs", user="dc") == 201
    with lair.bench.database.transaction() as session:
        owner = ensure_project(session, "attacker")
        session.add(Litter(storage=own_key(owner.id, "cluster"), prefix="x/", due_at=now(session)))
    assert lair.call("PATCH", f"{STORAGES}/cluster", change).status_code == 409


# Spellings: a platform, and a source below its datasets by another name.

PLATFORMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "hdfs": ("hdfs", f"hdfs://{NN}:8020/data/dc", {}),
    "ha": ("hdfs", "hdfs://cluster/data/dc", {"namenodes": f"{NN}:8020,nn2.example.com:8020"}),
    "bucket": ("ceph", "ceph://lake/dc", BUCKET),
    "localhost": ("webhdfs", "webhdfs://localhost:9870/data/dc", {}),
}
SPELLINGS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("hdfs", "hdfs", f"hdfs://{NN}:8020/data//dc/datasets", {}),
    ("hdfs", "hdfs", f"hdfs://{NN}:9000/data/./dc/x/../datasets/", {}),
    ("hdfs", "hdfs", f"hdfs://{NN.upper()}/data/dc/datasets/victim", {}),
    ("hdfs", "hdfs", f"hdfs://{NN}./data/dc/datasets", {}),
    ("hdfs", "webhdfs", f"webhdfs://{NN}:9870/data/dc/datasets", {"tls": True}),
    ("hdfs", "webhdfs", f"webhdfs://someone@{NN}:14000/data/dc/uploads", {}),
    ("hdfs", "webhdfs", f"webhdfs://other:1,{NN}:2/data/dc/archives/a", {}),
    ("hdfs", "webhdfs", f"webhdfs://{NN}/data/%64c/datasets", {}),
    ("hdfs", "webhdfs", f"webhdfs://{NN}/data%2Fdc%2fdatasets", {}),
    ("hdfs", "webhdfs", f"webhdfs://{NN}/data/%2564c/datasets", {}),
    ("hdfs", "webhdfs", f"webhdfs://{NN}/DATA/dc/Datasets", {}),
    ("hdfs", "webhdfs", f"webhdfs://{NN}/data/dc/datasets. ", {}),
    ("hdfs", "webhdfs", f"webhdfs://{NN}/data/dc/ｄatasets", {}),
    ("hdfs", "webhdfs", f"webhdfs://{NN}/data/dc/data\u200bsets", {}),
    ("hdfs", "webhdfs", f"webhdfs://{NN}/data\\dc\\datasets", {}),
    ("hdfs", "hdfs", f"hdfs://{NN}/data/.snapshot/s1/dc/datasets", {}),
    ("hdfs", "hdfs", f"hdfs://{NN}/data/dc/datasets/.snapshot/s1", {}),
    ("hdfs", "hdfs", "hdfs://name/data/dc/datasets", {"namenodes": f"x:1,{NN}:8020"}),
    ("hdfs", "webhdfs", "webhdfs://nn1/data/dc/datasets", {}),
    ("hdfs", "webhdfs", "webhdfs://alias.example.com/data/dc/datasets", {}),
    ("hdfs", "webhdfs", "webhdfs://192.0.2.7/data/dc/datasets", {}),
    ("hdfs", "webhdfs", "webhdfs://[::ffff:192.0.2.7]:9870/data/dc/datasets", {}),
    ("hdfs", "webhdfs", "webhdfs://0xC0000207/data/dc/datasets", {}),
    ("hdfs", "hive", "hive://u@hive.example.com", {"staging": f"hdfs://{NN}/data/dc/datasets"}),
    ("ha", "webhdfs", "webhdfs://nn2.example.com:9870/data/dc/datasets", {}),
    ("ha", "hdfs", "hdfs://CLUSTER/data/dc/datasets", {"namenodes": "elsewhere:8020"}),
    ("bucket", "ceph", "ceph://lake/dc/datasets", {**BUCKET, "endpoint": "http://RGW.example.com.:80"}),
    ("bucket", "ceph", "ceph://lake/dc/datasets", {**BUCKET, "endpoint": "https://192.0.2.9:8443"}),
    ("bucket", "ceph", "ceph://lake/dc/datasets", {**BUCKET, "addressing": "virtual"}),
    ("bucket", "ceph", "ceph://tenant:lake/dc/datasets", BUCKET),
    ("bucket", "ceph", "ceph://LAKE/dc/datasets", BUCKET),
    ("bucket", "ceph", "ceph://dc/datasets", {**BUCKET, "endpoint": "https://lake.rgw.example.com"}),
    ("localhost", "webhdfs", "webhdfs://127.0.0.1/data/dc/datasets", {}),
    ("localhost", "webhdfs", "webhdfs://127.1/data/dc/datasets", {}),
    ("localhost", "webhdfs", "webhdfs://[::1]:1/data/dc/datasets", {}),
    ("localhost", "webhdfs", "webhdfs://x.localhost/data/dc/datasets", {}),
    ("localhost", "hdfs", "hdfs://this-machine/data/dc/datasets", {}),
    ("localhost", "hdfs", "hdfs://192.0.2.1/data/dc/datasets", {}),
]
NAMES = {
    NN: ["192.0.2.7"],
    "alias.example.com": ["192.0.2.7"],
    "this-machine": ["127.0.1.1", "192.0.2.1"],
    "far.example.com": ["198.51.100.1"],
}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that knows a few names, and the name of this machine."""

    def resolve(host: str) -> list[str]:
        return NAMES.get(host, [host] if places._is_address(host) else [])

    monkeypatch.setattr(places, "addresses_of", resolve)
    monkeypatch.setattr(places.socket, "gethostname", lambda: "this-machine")


def _places(kind: str, url: str, options: dict[str, Any]) -> tuple[CanonicalPlace, ...]:
    return tuple(places_of(kind, url, options))


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("platform", "kind", "url", "options"), SPELLINGS, ids=[each[2] for each in SPELLINGS]
)
def test_a_place_is_recognised_by_whatever_spelling(
    platform: str, kind: str, url: str, options: dict[str, Any]
) -> None:
    owned = _places(*PLATFORMS[platform])
    found = _places(kind, url, options)

    assert OwnAreas(found, owned).has_root
    assert are_nested(found, owned)
    assert are_nested(owned, found)
    registered = {
        "platform": StorageSettings(
            kind=PLATFORMS[platform][0], url=PLATFORMS[platform][1], options=PLATFORMS[platform][2]
        ),
        "source": StorageSettings(kind=kind, url=url, options=options, role="source"),
    }
    assert list(find_nested(registered)) == [("source", "platform")]


WEB_SPELLINGS = [url for platform, kind, url, _ in SPELLINGS if (platform, kind) == ("hdfs", "webhdfs")]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("first", ["platform", "source"])
def test_no_spelling_is_registered_over_rest_in_either_order(lair: Lair, first: str) -> None:
    platform = f"webhdfs://{NN}:9870/data/dc"
    if first == "platform":
        assert lair.add("plat", platform, "platform", "webhdfs") == 201
        assert {lair.add("thief", url, "source", "webhdfs") for url in WEB_SPELLINGS} == {422}
        assert lair.add("fine", "webhdfs://far.example.com/data/dc/datasets", "source", "webhdfs") == 201
        assert (
            lair.call("PATCH", f"{STORAGES}/fine", {"url": f"webhdfs://{NN}/data/dc/datasets"}).status_code
            == 422
        )
        return
    for number, url in enumerate(WEB_SPELLINGS):
        if lair.add(f"thief-{number}", url, "source", "webhdfs") == 201:
            assert lair.add("plat", platform, "platform", "webhdfs") == 422, url
            assert lair.call("DELETE", f"{STORAGES}/thief-{number}").status_code == 204


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("platform", "kind", "url", "options"),
    [
        ("hdfs", "hdfs", "hdfs://far.example.com/data/dc/datasets", {}),
        ("hdfs", "hdfs", f"hdfs://{NN}/data/dc2/datasets", {}),
        ("hdfs", "hdfs", f"hdfs://{NN}/data/dcx", {}),
        ("hdfs", "ceph", "ceph://lake/data/dc/datasets", BUCKET),
        ("bucket", "ceph", "ceph://pond/dc/datasets", BUCKET),
        ("bucket", "ceph", "ceph://lake/dc2/datasets", BUCKET),
        ("bucket", "nas", "/lake/dc/datasets", {}),
    ],
)
def test_another_place_is_not_refused(platform: str, kind: str, url: str, options: dict[str, Any]) -> None:
    owned, found = _places(*PLATFORMS[platform]), _places(kind, url, options)
    assert not OwnAreas(found, owned).has_root
    assert not OwnAreas(found, owned).has("a/datasets/b")
    assert not are_nested(found, owned)


SEGMENTS = st.lists(st.sampled_from(["data", "dc", "资料", "É", "x.y"]), min_size=1, max_size=4)


@given(root=SEGMENTS, seed=st.randoms(use_true_random=False))
def test_any_mixture_of_spellings_is_recognised(root: list[str], seed: Any) -> None:
    def spell(segment: str) -> str:
        ways = [str, str.upper, lambda text: f"./{text}", lambda text: f"/{text}", lambda text: f"{text}/y/..",
                lambda text: f"{text}.", lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
                lambda text: f"{text}/.snapshot/s"]  # fmt: skip
        return seed.choice(ways)(segment)

    owned = _places("hdfs", f"hdfs://nn/{'/'.join(root)}", {})
    written = "/".join(map(spell, [*root, "datasets"]))
    assert OwnAreas(_places("webhdfs", f"webhdfs://NN:9870/{written}", {}), owned).has_root

    above = OwnAreas(_places("webhdfs", "webhdfs://NN:9870/", {}), owned)
    assert above.has(f"{written}/x")
    assert above.end_of(f"{'/'.join(root)}/datasets/a/b") == f"{'/'.join(root)}/datasets"


TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from("/.:@%[]\\,"), max_size=30)


@given(kind=st.sampled_from(sorted(ADAPTERS)), text=TEXT, named=TEXT, key=TEXT)
def test_no_text_is_too_odd_to_be_compared(kind: str, text: str, named: str, key: str) -> None:
    options = {
        "endpoint": f"https://{named}",
        "namenodes": named,
        "config_dir": named,
        "staging": f"hdfs://{named}/{text}",
    }
    for found in (_places(kind, text, options), _places(kind, f"{kind}://{text}/{named}", {})):
        for place in found:
            assert CanonicalPlace.from_text(place.to_text()) == place
            areas = OwnAreas([place], [place])
            assert areas.has("datasets/x")
            assert not areas.has_root or key
            assert areas.has(f"Datasets%2f{key}".replace("..", "_"))


@pytest.mark.parametrize(
    "path", [".reserved/raw/data/dc", "/.reserved/.inodes/16386", "x/../.reserved/raw/a", "./.reserved/raw"]
)
@pytest.mark.parametrize("kind", ["hdfs", "webhdfs"])
def test_other_names_of_hdfs_directories_are_refused(kind: str, path: str) -> None:
    with pytest.raises(ConfigurationInvalid):
        open_storage(kind, f"{kind}://nn/{path}", {})


def test_the_text_of_a_place_gives_the_place_again() -> None:
    for kind, url, options in PLATFORMS.values():
        for place in _places(kind, url, options):
            assert CanonicalPlace.from_text(place.to_text()) == place
    assert {entry.places for entry in ADAPTERS.values()}, "each kind of storage has a rule"


def test_namenodes_are_read_from_hadoops_files_and_files_that_cannot_be_read_prove_nothing(
    tmp_path: Path,
) -> None:
    owned = _places("hdfs", "hdfs://cluster/dc", {"config_dir": str(tmp_path)})
    thief = _places("webhdfs", f"webhdfs://{NN}/dc/datasets", {})
    assert OwnAreas(thief, owned).has_root, "nothing is known of the cluster"

    name = "<configuration><property><name>dfs.namenode.rpc-address.cluster.a</name><value>%s:8020</value></property></configuration>"
    (tmp_path / "hdfs-site.xml").write_text(name % "far.invalid")
    owned = _places("hdfs", "hdfs://cluster/dc", {"config_dir": str(tmp_path)})
    assert not OwnAreas(thief, owned).has_root
    (tmp_path / "hdfs-site.xml").write_text(name % NN)
    owned = _places("hdfs", "hdfs://cluster/dc", {"config_dir": str(tmp_path)})
    assert OwnAreas(thief, owned).has_root


# A cluster that would answer.


@contextmanager
def cluster(files: dict[str, bytes]) -> Iterator[int]:
    """A WebHDFS server with these files; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = (
                unquote(urlsplit(self.path).path).removeprefix("/webhdfs/v1"),
                self.path.partition("?")[2],
            )
            body, below = self._answer(path.rstrip("/"), query)
            self.send_response(200 if below else 404)
            self.send_header(
                "Content-Type", "application/json" if b"{" in body else "application/octet-stream"
            )
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self, path: str, query: str) -> tuple[bytes, bool]:
            if "op=OPEN" in query:
                return files.get(path, b""), path in files
            if path in files:
                entries = [_status("", size=len(files[path]))]
            else:
                below = {key.removeprefix(f"{path}/") for key in files if key.startswith(f"{path}/")}
                entries = [
                    _status(each.partition("/")[0], is_directory="/" in each) for each in sorted(below)
                ]
            if "op=LISTSTATUS" in query:
                return json.dumps({"FileStatuses": {"FileStatus": entries}}).encode(), bool(entries)
            shown = _status("", size=len(files.get(path, b"")), is_directory=path not in files)
            missing = {"RemoteException": {"exception": "FileNotFoundException", "message": path}}
            return json.dumps({"FileStatus": shown} if entries else missing).encode(), bool(entries)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _status(name: str, *, size: int = 1, is_directory: bool = False) -> dict[str, Any]:
    kind = "DIRECTORY" if is_directory else "FILE"
    return {"pathSuffix": name, "type": kind, "length": size, "modificationTime": 1}


def test_a_source_on_the_file_system_of_an_hdfs_platform_reads_none_of_its_areas(tmp_path: Path) -> None:
    files = {f"/data/dc/{KEY}": SECRET, "/data/fine": b"x"}
    with cluster(files) as port:
        storages = {
            "plat": StorageSettings(kind="hdfs", url="hdfs://localhost:8020/data/dc"),
            "above": StorageSettings(kind="webhdfs", url=f"webhdfs://127.0.0.1:{port}/data", role="source"),
            "same": StorageSettings(kind="webhdfs", url=f"webhdfs://localhost:{port}/data//./dc/", role="source"),
            "below": StorageSettings(kind="webhdfs", url=f"webhdfs://127.1:{port}/data/dc/datasets", role="source"),
        }  # fmt: skip
        bench = Workbench(tmp_path, storages=storages)
        opened = bench.resources.storages
        _refuses_all(bench, "above", f"dc/{KEY}")
        _refuses_all(bench, "same", KEY)
        _refuses_all(bench, "below", KEY.removeprefix("datasets/"))
        assert [info.key for info in opened.open("above").list_objects("")] == ["fine"]
        assert [info.key for info in opened.open("same").list_objects("")] == []
        bench.close()


def _refuses_all(bench: Workbench, name: str, key: str) -> None:
    """No call of a source gives the file, nor what is beside it."""
    source = bench.resources.storages.open_source(name)
    folder = f"{key.rpartition('/')[0]}/"
    calls = (
        lambda: source.stat(key),
        lambda: list(source.list_objects(folder)),
        lambda: list(source.read_ranges([ByteRange(key=key, offset=0, length=4)])),
        lambda: source.copy(key, "mine"),
        lambda: source.copy_part("mine", "upload", 1, 0, ByteRange(key=key, offset=0, length=4)),
        lambda: browse(bench.resources, name, folder, after=None, limit=5),
        lambda: bench.submit_source({"storage": name, "key": key}),
        lambda: bench.submit_source({"storage": name, "prefix": folder}),
    )
    for call in calls:
        with pytest.raises((StorageError, DataCentreError)) as caught:
            call()
        assert getattr(caught.value, "code", "") in (PlaceRefused.code, "INVALID"), caught.value


def test_a_source_in_the_bucket_of_a_platform_reads_none_of_its_areas(tmp_path: Path) -> None:
    with MotoServer(tmp_path / "moto") as server:
        gateway = Gateway(endpoint=server.url)
        bucket = gateway.make_bucket("lake")
        elsewhere = {**gateway.ceph_options(), "endpoint": f"http://LOCALHOST:{server.port}"}
        storages = {
            "plat": StorageSettings(kind="ceph", url=f"ceph://{bucket}/dc", options=gateway.ceph_options()),
            "above": StorageSettings(kind="ceph", url=f"ceph://{bucket}", role="source", options=elsewhere),
            "below": StorageSettings(
                kind="ceph", url=f"ceph://{bucket}/dc/datasets", role="both", options=elsewhere
            ),
        }
        bench = Workbench(tmp_path / "bench", storages=storages)
        opened = bench.resources.storages
        list(
            opened.open("plat").put_many([NewObject(key=KEY, data=SECRET), NewObject(key="fine", data=b"x")])
        )
        _refuses_all(bench, "above", f"dc/{KEY}")
        _refuses_all(bench, "below", KEY.removeprefix("datasets/"))
        assert [info.key for info in opened.open("above").list_objects("")] == ["dc/fine"]
        bench.close()


@pytest.mark.parametrize("role", ["source", "both"])
@pytest.mark.parametrize("root", ["", "sub"])
def test_a_source_of_any_role_at_a_platforms_place_reads_no_area(
    tmp_path: Path, role: Any, root: str
) -> None:
    place = f"memory://shared/{uuid4()}"
    storages = {
        "plat": StorageSettings(kind="memory", url=place),
        "thief": StorageSettings(kind="memory", url=place, role=role),
    }
    bench = Workbench(tmp_path, storages=storages)
    list(
        bench.resources.storages.open("plat").put_many(
            [NewObject(key=KEY, data=SECRET), NewObject(key="a/fine", data=b"x")]
        )
    )
    _refuses_all(bench, "thief", KEY)
    _refuses_all(bench, "thief", KEY.replace("datasets", "DataSets"))
    assert [info.key for info in bench.resources.storages.open_source("thief").list_objects("")] == ["a/fine"]
    assert list(
        bench.resources.storages.open("plat").read_ranges([ByteRange(key=KEY, offset=0, length=6)])
    ) == [SECRET[:6]]
    bench.close()
