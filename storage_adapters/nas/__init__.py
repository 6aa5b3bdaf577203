"""NAS: a directory of a mounted file system (NFS, CephFS, a local disk) as a storage."""

from storage_adapters.nas.filesystem import NasFileSystem
from storage_adapters.nas.storage import NasOptions, NasStorage

__all__ = ["NasFileSystem", "NasOptions", "NasStorage"]
