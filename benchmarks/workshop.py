"""The workshop: one directory with the test archives, unpacked trees and the data centre, each made at first use."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks import material
from benchmarks.centre import Centre, started
from datacenter.client import Dataset


@dataclass(kw_only=True)
class Workshop:
    """What the scenarios share. All of it is in one directory, so that both sides work on one file system.

    Nothing is removed before the removal is measured: for minutes after the removal of many files, ext4 makes new
    ones several times slower, which would count against the next scenario.
    """

    root: Path
    files: int
    million: int
    long_mib: int
    rounds: int
    datasets: list[Dataset] = field(default_factory=list)
    """The small files, one dataset for each import."""
    trees: list[Path] = field(default_factory=list)
    """The small files, one tree for each time they were unpacked."""
    _stack: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def centre(self) -> Centre:
        """The data centre in its default settings."""
        return self._stack.enter_context(started(self.root / "home"))

    @cached_property
    def archive(self) -> Path:
        """The zip of the small files."""
        return material.small_files(self.root / "small.zip", self.files)

    @property
    def tree(self) -> Path:
        """The small files, unpacked."""
        if not self.trees:
            tree = self.empty_directory("tree")
            shutil.unpack_archive(self.archive, tree)
            self.trees.append(tree)
        return self.trees[0]

    @property
    def dataset(self) -> Dataset:
        """The small files, imported."""
        if not self.datasets:
            self.datasets.append(self.centre.import_archive("small files", self.archive))
        return self.datasets[0]

    @cached_property
    def single(self) -> Dataset:
        """A dataset of one file."""
        return self.centre.import_archive("one file", material.small_files(self.root / "one.zip", 1))

    def settle(self) -> None:
        """Between two measurements: wait until the data centre is idle, and write all buffers to the disk."""
        self.centre.wait_until_idle()
        os.sync()

    def empty_directory(self, name: str) -> Path:
        """A new directory beside everything else."""
        directory = self.root / name
        directory.mkdir()
        return directory

    def close(self) -> None:
        self._stack.close()


@contextmanager
def opened(root: Path, *, files: int, million: int, long_mib: int, rounds: int) -> Iterator[Workshop]:
    """A workshop in an empty directory; nothing runs afterwards."""
    workshop = Workshop(root=root, files=files, million=million, long_mib=long_mib, rounds=rounds)
    try:
        yield workshop
    finally:
        workshop.close()
