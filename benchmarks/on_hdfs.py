"""One long file to HDFS and back by our storage, beside hdfs-native alone, the client that our storage uses."""

import os
from collections.abc import Callable

from hdfs_native import Client
from services.hdfs import SUPERUSER, HdfsServer

from benchmarks import servers
from benchmarks.measured import Findings, Row, compare, in_turn, timed
from benchmarks.workshop import Workshop
from storage_adapters.object_storage.streaming import put_stream, read_stream
from storage_adapters.registry import open_storage

MIB = 512
"""Less if the arguments make the other long file shorter."""
CHUNK_BYTES = 1 << 20
LEAST_RATIO = 0.8


def measure(shop: Workshop) -> Findings:
    """Both send and take 1 MiB at a time, in this process. Raises: NotInstalled: the server is missing."""
    os.environ["HADOOP_USER_NAME"] = SUPERUSER  # hdfs-native has one user for a process
    chunk = os.urandom(CHUNK_BYTES)
    count = min(MIB, shop.long_mib)
    with servers.started(HdfsServer) as urls:
        url = urls.split()[0]
        storage = open_storage("hdfs", f"{url}/tmp/ours", {})
        client = Client(url)

        def write(number: int) -> None:
            put_stream(storage, f"{number}", (chunk for _ in range(count)))

        def bare_write(number: int) -> None:
            with client.create(f"/tmp/{number}") as file:
                for _ in range(count):
                    file.write(chunk)

        def read(number: int) -> None:
            assert sum(map(len, read_stream(storage, f"{number}"))) == count * CHUNK_BYTES

        def bare_read(number: int) -> None:
            file = client.read(f"/tmp/{number}")
            assert sum(iter(lambda: len(file.read(CHUNK_BYTES)), 0)) == count * CHUNK_BYTES

        return Findings(
            rows=[
                _row(shop, f"HDFS: write of one file of {count:,} MiB", count, write, bare_write),
                _row(shop, f"HDFS: read of one file of {count:,} MiB", count, read, bare_read),
            ]
        )


def _row(
    shop: Workshop, what: str, mebibytes: int, ours: Callable[[int], None], theirs: Callable[[int], None]
) -> Row:
    costs, others = in_turn(shop.rounds, lambda: None, timed(ours), timed(theirs))
    return compare(
        what,
        ours=costs,
        peer=others,
        peer_name="hdfs-native alone",
        least_ratio=LEAST_RATIO,
        show=lambda seconds: f"{mebibytes / seconds:,.0f} MiB/s",
    )
