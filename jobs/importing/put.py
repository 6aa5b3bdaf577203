"""Put the members of an archive: small ones many at a time, large ones as streams."""

from collections.abc import Callable, Iterable, Iterator

from datacenter.archives.member import Member
from jobs.contract import JobContext
from storage_adapters.object_storage.contract import NewObject, Storage
from storage_adapters.object_storage.streaming import put_stream

Placed = Callable[[Member], str]
"""Gives a member the key it is stored under."""


def put_members(
    job: JobContext, storage: Storage, members: Iterable[Member], place: Placed, *, count_bytes: bool
) -> None:
    """Store every member; progress counts files, and bytes where the members' sizes are what the job counts.

    Raises: StorageError of the first put that failed; ArchiveRejected as the members do.
    """

    def small() -> Iterator[NewObject]:
        for member in members:
            key = place(member)
            if member.chunks is None:
                assert member.data is not None
                yield NewObject(key=key, data=member.data)
            else:
                put_stream(storage, key, _watched(job, member.chunks, count_bytes))
                job.report(files=1)

    for outcome in storage.put_many(small()):
        if outcome.error is not None:
            raise outcome.error
        job.report(files=1, size_bytes=outcome.size_bytes if count_bytes else 0)


def _watched(job: JobContext, chunks: Iterable[bytes], count_bytes: bool) -> Iterator[bytes]:
    for chunk in chunks:
        job.report(size_bytes=len(chunk) if count_bytes else 0)
        yield chunk
