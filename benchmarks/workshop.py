"""The workshop: one directory with the material, the unpacked tree and the data centre, each made when first needed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks import material, peers
from benchmarks.centre import Centre, started
from datacenter.client import Dataset

SCALES = {"small": material.small_files, "tiny": material.tiny_files}


@dataclass(kw_only=True)
class Workshop:
    """What the scenarios share. All of it lies in one directory, so that everybody works on one file system."""

    root: Path
    files: int
    rounds: int
    _stack: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def centre(self) -> Centre:
        """The data centre in its default settings."""
        return self._stack.enter_context(started(self.root / "home"))

    @cached_property
    def archive(self) -> Path:
        """The zip of the small files."""
        return material.small_files(self.root / "small.zip", self.files)

    @cached_property
    def tree(self) -> Path:
        """The small files, unpacked."""
        tree = self.root / "tree"
        tree.mkdir()
        shutil.unpack_archive(self.archive, tree)
        return tree

    @cached_property
    def dataset(self) -> Dataset:
        """The small files, imported."""
        return self.centre.import_archive("small files", self.archive)

    def between(self) -> None:
        """Between two measurements: everything at rest, nothing on its way to the disk."""
        self.centre.settle()
        os.sync()

    def empty_directory(self, name: str) -> Path:
        """A new directory beside everything else."""
        directory = self.root / name
        directory.mkdir()
        return directory

    def has(self, program: str) -> bool:
        """Whether a peer can be measured."""
        return peers.is_here(program)

    def close(self) -> None:
        self._stack.close()


@contextmanager
def opened(root: Path, *, files: int, rounds: int) -> Iterator[Workshop]:
    """A workshop in an empty directory; nothing runs afterwards."""
    workshop = Workshop(root=root, files=files, rounds=rounds)
    try:
        yield workshop
    finally:
        workshop.close()
