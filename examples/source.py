"""The archives that the demonstration imports, with the expected bytes and label of every file."""

from dataclasses import dataclass
from pathlib import Path

from digits.make_archive import digits, write_archive

SECOND_LABELS = frozenset({"1", "3", "7"})
FIRST_NAME = "{label}/digit-{number:04}.png"
SECOND_NAME = "{label}/手写数字-{number:04}.png"


@dataclass(frozen=True, kw_only=True)
class Source:
    """An archive and the files in it."""

    name: str
    archive: Path
    files: dict[str, bytes]

    def labels(self) -> dict[str, int]:
        """Files by label, which is the first folder of a path."""
        counts: dict[str, int] = {}
        for path in self.files:
            label = path.split("/", 1)[0]
            counts[label] = counts.get(label, 0) + 1
        return counts

    def only(self, labels: frozenset[str]) -> dict[str, bytes]:
        """The files with one of these labels."""
        return {path: data for path, data in self.files.items() if path.split("/", 1)[0] in labels}


def make_sources(directory: Path) -> tuple[Source, Source]:
    """All digits; and three of the ten with Chinese names."""
    return _make(directory, "digits", FIRST_NAME, None), _make(
        directory, "three-digits", SECOND_NAME, SECOND_LABELS
    )


def _make(directory: Path, name: str, pattern: str, labels: frozenset[str] | None) -> Source:
    archive = directory / f"{name}.zip"
    write_archive(archive, labels=labels, name=pattern)
    files = {
        pattern.format(label=label, number=number): image
        for number, label, image in digits()
        if labels is None or label in labels
    }
    return Source(name=name, archive=archive, files=files)
