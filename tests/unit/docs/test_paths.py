"""Every file and folder of the repository that a page names is there."""

import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
ROOTS = (
    "datacenter",
    "jobs",
    "storage_adapters",
    "tests",
    "tools",
    "benchmarks",
    "configs",
    "examples",
    "helm",
)
PATH = re.compile(rf"`((?:{'|'.join(ROOTS)})/[\w./*-]*)`")
PAGES = [
    *REPOSITORY.glob("*.md"),
    *(REPOSITORY / "docs").glob("*.md"),
    *(REPOSITORY / "docs" / "storages").glob("*.md"),
]


def test_every_path_of_the_repository_that_a_page_names_is_there() -> None:
    missing = [
        f"{page.name}: {path}" for page in PAGES for path in paths_of(page) if not list(REPOSITORY.glob(path))
    ]

    assert sum(1 for page in PAGES for _ in paths_of(page)) > 20
    assert not missing


def paths_of(page: Path) -> Iterator[str]:
    """Paths in code marks."""
    yield from PATH.findall(page.read_text(encoding="utf-8"))
