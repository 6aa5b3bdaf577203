"""The NAS filesystem passes the suites that fsspec publishes for every filesystem."""

from pathlib import Path

import fsspec
import pytest
from fsspec.tests.abstract import (
    AbstractCopyTests,
    AbstractFixtures,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
)

from storage_adapters.nas import NasFileSystem, NasStorage


class OwnRoot(AbstractFixtures):
    """The filesystem as a storage gives it: paths are keys."""

    @pytest.fixture
    def fs(self, tmp_path: Path) -> NasFileSystem:
        return NasStorage.from_url(f"{tmp_path}/storage", {}).fs

    @pytest.fixture
    def fs_path(self) -> str:
        return "folder"


class AbsolutePaths(AbstractFixtures):
    """The filesystem as a URL names it: `nas:///mnt/data` is an absolute path."""

    @pytest.fixture
    def fs(self) -> NasFileSystem:
        return fsspec.filesystem("nas")

    @pytest.fixture
    def fs_path(self, tmp_path: Path) -> str:
        return f"{tmp_path}/remote"[1:]


class TestCopyWithOwnRoot(OwnRoot, AbstractCopyTests):
    """Copying between paths."""


class TestGetWithOwnRoot(OwnRoot, AbstractGetTests):
    """Downloading."""


class TestPutWithOwnRoot(OwnRoot, AbstractPutTests):
    """Uploading."""


class TestOpenWithOwnRoot(OwnRoot, AbstractOpenTests):
    """Opening for exclusive writing."""


class TestPipeWithOwnRoot(OwnRoot, AbstractPipeTests):
    """Writing whole files exclusively."""


class TestCopyWithAbsolutePaths(AbsolutePaths, AbstractCopyTests):
    """Copying between paths."""
