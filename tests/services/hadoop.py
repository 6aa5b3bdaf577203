"""What servers of the Hadoop family share: jars out of a source distribution of pyspark, and their configuration."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

CACHE_VARIABLE = "DATACENTER_TEST_CACHE"


@dataclass(frozen=True, kw_only=True)
class Pyspark:
    """One source distribution of pyspark, which carries the jars in `deps/jars`."""

    version: str
    mebibytes: int
    sha256: str

    def archive(self, cache: Path) -> Path:
        """The file, downloaded once through pip from its configured index. Raises ValueError for other bytes."""
        archive = cache / f"pyspark-{self.version}.tar.gz"
        if not archive.exists():
            print(f"{cache.name}: downloading pyspark {self.version}, {self.mebibytes} MiB, once", flush=True)
            part = self._download(cache) / archive.name
            with part.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
            if found != self.sha256:
                part.unlink()
                raise ValueError(f"pyspark {self.version} has the digest {found}, not {self.sha256}")
            part.rename(archive)
        return archive

    def _download(self, cache: Path) -> Path:
        # To name the distribution pip runs its setup.py, which wants an old setuptools.
        venv, part = cache / "venv", cache / "part"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-q"]
        subprocess.run([*pip, "install", "setuptools<80", "wheel"], check=True)
        options = ["--no-deps", "--no-build-isolation", "--no-binary", "pyspark"]
        subprocess.run([*pip, "download", *options, "-d", part, f"pyspark=={self.version}"], check=True)
        shutil.rmtree(venv)
        return part


def unpack_jars(archive: Path, target: Path, *, wanted: Callable[[str], bool]) -> None:
    """Write the jars of a pyspark archive whose names are wanted."""
    with tarfile.open(archive) as members:
        for member in members:
            folder, _, name = member.name.rpartition("/")
            if folder.endswith("/deps/jars") and wanted(name):
                content = members.extractfile(member)
                assert content is not None
                with content, (target / name).open("wb") as jar:
                    shutil.copyfileobj(content, jar)


def filled_library(name: str, fill: Callable[[Path, Path], None]) -> Path:
    """The directory of a server's jars: `fill(cache, directory)` at the first call, kept for the next runs."""
    cache = Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "datacenter-tests") / name
    jars = cache / "jars"
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / "lock"):
        if not jars.exists():
            filling = cache / "filling"
            shutil.rmtree(filling, ignore_errors=True)
            filling.mkdir()
            fill(cache, filling)
            filling.rename(jars)
    return jars


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time fills the cache."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def configuration(properties: Mapping[str, str]) -> str:
    """The text of a configuration file."""
    rows = (
        f"<property><name>{escape(name)}</name><value>{escape(value)}</value></property>"
        for name, value in properties.items()
    )
    return "<configuration>\n" + "\n".join(rows) + "\n</configuration>\n"
