"""Every link from one page to another leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "helm").rglob("*.md")]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def test_every_relative_link_leads_to_a_file_and_a_heading() -> None:
    broken = [
        f"{page.relative_to(REPOSITORY)}: {link}"
        for page in PAGES
        for link in links_of(page)
        if not leads(page, link)
    ]

    assert len(PAGES) > 20
    assert not broken


def links_of(page: Path) -> Iterator[str]:
    """Links to files and headings; those to other sites aside."""
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", link):
            yield link


def leads(page: Path, link: str) -> bool:
    """Whether the file is there, and the heading in it."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return target.exists() and (not anchor or anchor in anchors_of(target))


def anchors_of(page: Path) -> set[str]:
    """The anchors that a page's headings get where Markdown is shown."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
