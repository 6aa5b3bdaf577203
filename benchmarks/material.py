"""The archives of the benchmarks: the same bytes on every machine.

`python -m benchmarks.material small|tiny|even|long FILE COUNT` makes one. The benchmark runs this in a separate process: a
writer of a million entries is large, and a large process that starts programs would add its size to theirs.
"""

import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

LABELS = 50
SEED = 20_250_101
WORDS = [
    "box",
    "label",
    "width",
    "height",
    "truncated",
    "occluded",
    "pose",
    "score",
    "frame",
    "camera",
    "lidar",
    "weather",
    "night",
    "rain",
]
POOL_BYTES = 8 << 20
EVEN_BYTES = 4 << 10


def small_files(path: Path, files: int) -> Path:
    """A zip of files of 4 to 20 KiB in folders that are their labels: one half pictures, stored because
    they do not compress, one half annotations, deflated."""
    return _make("small", path, files)


def tiny_files(path: Path, files: int) -> Path:
    """A zip of files of 20 to 60 bytes, stored; only their number matters."""
    return _make("tiny", path, files)


def even_files(path: Path, files: int) -> Path:
    """A zip of files of 4 KiB of noise in folders that are their labels, stored."""
    return _make("even", path, files)


def long_file(path: Path, mebibytes: int) -> Path:
    """A zip of one file of noise, stored."""
    return _make("long", path, mebibytes)


def labels() -> list[str]:
    """Every label that the files have."""
    return [_label(number) for number in range(LABELS)]


def _pictures_and_notes(files: int) -> Iterator[tuple[str, bytes, int]]:
    choice = random.Random(SEED)
    noise = choice.randbytes(POOL_BYTES)
    text = "".join(f'"{choice.choice(WORDS)}": {choice.randrange(4000)}, ' for _ in range(POOL_BYTES // 16))
    notes = text.encode()
    for number in range(files):
        size = choice.randrange(4 << 10, 20 << 10)
        folder = f"{_label(number % LABELS)}"
        if number % 2:
            start = choice.randrange(len(notes) - size)
            yield f"{folder}/{number:07d}.json", notes[start : start + size], zipfile.ZIP_DEFLATED
        else:
            start = choice.randrange(len(noise) - size)
            yield f"{folder}/{number:07d}.jpg", noise[start : start + size], zipfile.ZIP_STORED


def _tiny(files: int) -> Iterator[tuple[str, bytes, int]]:
    for number in range(files):
        content = f"{number} ".encode() * (20 // len(f"{number} ") + 1)
        yield f"{_label(number % LABELS)}/{number:07d}.txt", content, zipfile.ZIP_STORED


def _even(files: int) -> Iterator[tuple[str, bytes, int]]:
    choice = random.Random(SEED)
    for number in range(files):
        yield f"{_label(number % LABELS)}/{number:07d}.bin", choice.randbytes(EVEN_BYTES), zipfile.ZIP_STORED


def _label(number: int) -> str:
    return f"label {number:02d}"


def _make(kind: str, path: Path, count: int) -> Path:
    subprocess.run([sys.executable, "-m", "benchmarks.material", kind, path, str(count)], check=True)
    return path


def main() -> None:
    """Make the archive that the command line names."""
    kind, path, count = sys.argv[1:]
    # Not our own writer, so that the archives are not in the form that suits our reader best.
    with zipfile.ZipFile(path, "w") as archive:
        if kind == "long":
            _write_long(archive, int(count))
            return
        for name, content, method in CONTENTS[kind](int(count)):
            archive.writestr(_info(name), content, method)


def _write_long(archive: zipfile.ZipFile, mebibytes: int) -> None:
    noise = random.Random(SEED).randbytes(POOL_BYTES)
    with archive.open(_info(f"{_label(0)}/long.bin"), "w", force_zip64=True) as member:
        for number in range(mebibytes):
            start = (number << 20) % POOL_BYTES
            member.write(noise[start : start + (1 << 20)])


def _info(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0))


CONTENTS: Mapping[str, Callable[[int], Iterator[tuple[str, bytes, int]]]] = {
    "small": _pictures_and_notes,
    "tiny": _tiny,
    "even": _even,
}


if __name__ == "__main__":
    main()
