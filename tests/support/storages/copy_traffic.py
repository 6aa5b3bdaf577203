"""Traffic of a storage in this process: the copies within the storage, and the bytes read of each object."""

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from storage_adapters.object_storage.contract import ByteRange, ObjectInfo, Part


class Traffic:
    """Watches every instance of an adapter's class until the test ends."""

    def __init__(self, adapter: type, monkeypatch: pytest.MonkeyPatch) -> None:
        self.copied: Counter[str] = Counter()
        """Bytes by the key of the source, as a whole or in parts of an upload."""
        self.read: Counter[str] = Counter()
        """Bytes by key."""
        copy, copy_part = adapter.copy, adapter.copy_part  # type: ignore[attr-defined]  # adapters have them
        read_ranges = adapter.read_ranges  # type: ignore[attr-defined]  # as above

        def copying_whole(storage, source: str, target: str) -> ObjectInfo:
            made = copy(storage, source, target)
            self.copied[source] += made.size_bytes
            return made

        def copying(storage, key: str, upload_id: str, number: int, offset: int, source: ByteRange) -> Part:
            self.copied[source.key] += source.length
            return copy_part(storage, key, upload_id, number, offset, source)

        def reading(storage, requests: Iterable[ByteRange]) -> Iterator[bytes]:
            def counted() -> Iterator[ByteRange]:
                for wanted in requests:
                    self.read[wanted.key] += wanted.length
                    yield wanted

            return read_ranges(storage, counted())

        monkeypatch.setattr(adapter, "copy", copying_whole)
        monkeypatch.setattr(adapter, "copy_part", copying)
        monkeypatch.setattr(adapter, "read_ranges", reading)
