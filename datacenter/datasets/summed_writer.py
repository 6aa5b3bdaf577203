"""Objects that are written front to back and whose CRC-32 is wanted for a manifest or an archive."""

from datacenter.archives.crc import crc32
from datacenter.storages.object_file import ObjectWriter
from storage_adapters.object_storage.contract import Buffer, Storage


class SummedWriter(ObjectWriter):
    """Also knows the CRC-32 of the bytes taken so far."""

    def __init__(self, storage: Storage, key: str) -> None:
        super().__init__(storage, key)
        self.crc32 = 0

    def write(self, data: Buffer) -> int:
        self.crc32 = crc32(data, self.crc32)
        return super().write(data)
