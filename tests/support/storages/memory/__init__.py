"""Memory: objects of this process only, with the rules of an object store, for tests."""

from support.storages.memory.filesystem import MemoryFileSystem
from support.storages.memory.state import MemoryState
from support.storages.memory.storage import MemoryOptions, MemoryStorage

__all__ = ["MemoryFileSystem", "MemoryOptions", "MemoryState", "MemoryStorage"]
