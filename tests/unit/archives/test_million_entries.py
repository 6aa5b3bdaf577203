"""A million files in one archive, in bounded memory and time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.archives.layouts import zip_of_empty_files
from support.archives.raw_zip import RawZip, file
from support.archives.reading import BytesSource

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import Limits
from datacenter.archives.zip.index import read_zip_index

MILLION = Limits().entries
READ = r"""
import json, re, sys
from pathlib import Path
from datacenter.archives.limits import Limits
from datacenter.archives.zip.index import read_zip_index
from datacenter.archives.zip.span import read_zip_span

class Source:
    def __init__(self, file):
        self.file, self.size_bytes = file, file.seek(0, 2)
    def read(self, offset, length):
        self.file.seek(offset)
        return self.file.read(length)

source = Source(open(sys.argv[1], "rb"))
index = read_zip_index(source, Limits())
span = index.entries.slice(500_000, 20_000)
members = sum(1 for _ in read_zip_span(source, span, Limits()))
# The process's own peak: getrusage would include the memory of its parent before the exec.
peak_kib = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps([index.files, members, peak_kib / 1024]))
"""


@pytest.mark.real
def test_a_million_empty_files_are_accepted_in_512_mib(tmp_path: Path) -> None:
    zip_of_empty_files(MILLION, tmp_path / "million.zip")
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "million.zip")],
        capture_output=True,
        check=True,
        text=True,
    )
    files, members_of_span, peak_mib = json.loads(done.stdout)
    assert (files, members_of_span) == (MILLION, 20_000)
    assert peak_mib < 512


def test_one_more_is_refused_before_its_directory_is_read() -> None:
    source = BytesSource(
        RawZip(entries=[file("a")], count=0xFFFF, zip64=True, zip64_count=MILLION + 1).build()
    )
    with pytest.raises(ArchiveRejected, match="TOO_MANY"):
        read_zip_index(source, Limits())
    assert sum(length for _, length in source.reads) < 1000
