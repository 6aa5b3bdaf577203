"""Layouts of archives: loaded from their member tables and cached while they are in use."""

import threading
from collections import OrderedDict
from concurrent.futures import Future

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

    Of each storage one archive is loaded at a time, so loads that run side by side are as many as there are storages, and a
    hung storage cannot block downloads from others.
    """

    def __init__(self, max_files: int = 1_500_000) -> None:
        self._max_files = max_files
        self._layouts: OrderedDict[str, ArchiveLayout] = OrderedDict()
        self._loading: dict[str, Future[ArchiveLayout]] = {}
        self._turns: dict[str, threading.Lock] = {}
        """One for each storage, by its registered name."""
        self._lock = threading.Lock()
        """Guards the maps; no storage is read while it is held."""

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
                turn = self._turns.setdefault(archive.storage, threading.Lock())
        if running is not None:
            return running.result()
        try:
            with turn:
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

    def _keep(self, archive_id: str, layout: ArchiveLayout) -> None:
        self._layouts[archive_id] = layout
        while len(self._layouts) > 1 and sum(each.files for each in self._layouts.values()) > self._max_files:
            self._layouts.popitem(last=False)
