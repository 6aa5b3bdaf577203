"""Layouts of archives, loaded from their member tables and kept while they are in use."""

import threading
from collections import OrderedDict

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
    """The layouts that were used last, so that a range request does not read the member table anew."""

    def __init__(self, most_files: int = 1_500_000) -> None:
        self._most_files = most_files
        self._layouts: OrderedDict[str, ArchiveLayout] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, storage: Storage, archive: Archive) -> ArchiveLayout:
        """The archive's layout, loaded at most once while it is in use."""
        with self._lock:
            if archive.id not in self._layouts:
                self._layouts[archive.id] = load_layout(storage, archive)
            self._layouts.move_to_end(archive.id)
            while (
                len(self._layouts) > 1
                and sum(each.files for each in self._layouts.values()) > self._most_files
            ):
                self._layouts.popitem(last=False)
            return self._layouts[archive.id]
