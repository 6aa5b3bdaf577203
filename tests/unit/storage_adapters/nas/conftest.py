"""A NAS storage on an empty directory."""

from pathlib import Path

import pytest

from storage_adapters.nas import NasStorage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def storage(root: Path) -> NasStorage:
    return NasStorage.from_url(str(root), {})
