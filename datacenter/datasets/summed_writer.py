"""A writer of objects that also computes their CRC-32, for a manifest or an archive."""

from datacenter.archives.crc import crc32
from datacenter.storages.object_file import ObjectWriter
from storage_adapters.object_storage.contract import Buffer, Storage


class SummedWriter(ObjectWriter):
    """Also has the CRC-32 of the bytes written so far."""

    def __init__(self, storage: Storage, key: str) -> None:
        super().__init__(storage, key)
        self.crc32 = 0

    def write(self, data: Buffer) -> int:
        self.crc32 = crc32(data, self.crc32)
        return super().write(data)
