"""Memory: objects of this process only, with the rules of an object store, for tests."""

from storage_adapters.memory.filesystem import MemoryFileSystem
from storage_adapters.memory.state import MemoryState
from storage_adapters.memory.storage import MemoryOptions, MemoryStorage

__all__ = ["MemoryFileSystem", "MemoryOptions", "MemoryState", "MemoryStorage"]
