"""Layouts of archives: loaded from their member tables and cached while they are in use."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from datacenter.archives.layout import ArchiveLayout
from datacenter.archives.tar.layout import TarLayout
from datacenter.archives.zip.layout import ZipLayout
from datacenter.datasets.manifest import open_rows
from datacenter.datasets.models import Archive
from storage_adapters.object_storage.contract import Storage

LAYOUT_COLUMNS = ["path", "size_bytes", "crc32", "stored_size", "method"]


def load_layout(storage: Storage, archive: Archive) -> ArchiveLayout:
    """The exact byte plan of an archive, from its member table."""
    with open_rows(storage, archive.members_key) as file:
        columns = file.read(columns=LAYOUT_COLUMNS)
    if archive.request["archive"] == "tar":
        return TarLayout.from_table(columns)
    return ZipLayout.from_table(columns)


class LayoutCache:
    """The layouts that were used last, so that a range request does not read the member table again. Thread-safe.

    Each archive is loaded once, by the first thread that asks. Loads of one storage run side by side up to `max_files` files, so
    that memory is bounded: one that hangs blocks neither another storage nor the small archives of its own.
    """

    def __init__(self, max_files: int = 1_500_000) -> None:
        self._max_files = max_files
        self._layouts: OrderedDict[str, ArchiveLayout] = OrderedDict()
        self._loading: dict[str, Future[ArchiveLayout]] = {}
        self._loading_files: Counter[str] = Counter()
        """Files of the archives that are being loaded from each storage, by its registered name."""
        self._lock = threading.Lock()
        """Guards the maps; no storage is read while it is held."""
        self._room = threading.Condition(self._lock)

    def get(self, storage: Storage, archive: Archive) -> ArchiveLayout:
        """The archive's layout, loaded at most once while it is in use.

        If a load fails, all threads that wait for it get its error; the next call loads again.
        """
        with self._lock:
            found = self._layouts.get(archive.id)
            if found is not None:
                self._layouts.move_to_end(archive.id)
                return found
            running = self._loading.get(archive.id)
            if running is None:
                own = self._loading[archive.id] = Future()
        if running is not None:
            return running.result()
        try:
            with self._room_for(archive):
                layout = load_layout(storage, archive)
        except BaseException as error:
            with self._lock:
                del self._loading[archive.id]
            own.set_exception(error)
            raise
        with self._lock:
            del self._loading[archive.id]
            self._keep(archive.id, layout)
        own.set_result(layout)
        return layout

    @contextmanager
    def _room_for(self, archive: Archive) -> Iterator[None]:
        """Wait until the archive fits beside those that are being loaded from its storage; alone it always does."""
        name, files = archive.storage, archive.files
        with self._room:
            self._room.wait_for(
                lambda: not self._loading_files[name] or self._loading_files[name] + files <= self._max_files
            )
            self._loading_files[name] += files
        try:
            yield
        finally:
            with self._room:
                self._loading_files[name] -= files
                self._room.notify_all()

    def _keep(self, archive_id: str, layout: ArchiveLayout) -> None:
        self._layouts[archive_id] = layout
        while len(self._layouts) > 1 and sum(each.files for each in self._layouts.values()) > self._max_files:
            self._layouts.popitem(last=False)
