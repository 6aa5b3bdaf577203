"""A process is as large as its largest shard, not as all of its shards together."""

import json
import subprocess
import sys

SHARD = """
import json, re
import pyarrow as pa
from jobs.engine import memory

def resident_mib():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\\s+(\\d+)", status.read())[1]) / 1024

memory.prepare_allocator()
before = resident_mib()
names = [f"label/{number:09d}.txt" for number in range(400_000)]
paths = [pa.array(names[start:start + 5_000]) for start in range(0, len(names), 5_000)]
sorted_paths = pa.chunked_array(paths).sort()
during = resident_mib()
del names, paths, sorted_paths
memory.trim_memory()
print(json.dumps([before, during, resident_mib()]))
"""

PART = """
import json, re
from pathlib import Path
from jobs.engine import memory

def mib(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

memory.prepare_allocator()
earlier = [bytearray(31 << 20), bytearray(1 << 20)]
del earlier
memory.trim_memory()
Path("/proc/self/clear_refs").write_text("5")
before = mib("VmHWM")
part = bytearray()
for _ in range(32):
    part += bytes(1 << 20)
print(json.dumps(mib("VmHWM") - before))
"""


def test_what_a_shard_took_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", SHARD], capture_output=True, check=True, text=True)

    before, during, after = json.loads(done.stdout)

    assert during > before + 40
    assert after < before + 30


def test_a_part_that_is_gathered_is_held_once() -> None:
    done = subprocess.run([sys.executable, "-c", PART], capture_output=True, check=True, text=True)

    assert 30 < json.loads(done.stdout) < 45
