"""Store the members of an archive: small ones many at a time, large ones as streams."""

from collections.abc import Callable, Iterable, Iterator

from datacenter.archives.member import Member
from jobs.contract import JobContext
from storage_adapters.object_storage.contract import NewObject, Storage
from storage_adapters.object_storage.streaming import put_stream

Placed = Callable[[Member], str]
"""Returns the key for a member."""


def put_members(
    job: JobContext, storage: Storage, members: Iterable[Member], place: Placed, *, count_bytes: bool
) -> None:
    """Store every member; progress counts files, and with `count_bytes` the members' bytes.

    Raises: StorageError, that of the first failed put; ArchiveRejected, from reading the members.
    """

    def small() -> Iterator[NewObject]:
        for member in members:
            key = place(member)
            if member.chunks is None:
                assert member.data is not None
                yield NewObject(key=key, data=member.data)
            else:
                put_stream(storage, key, _reported(job, member.chunks, count_bytes))
                job.report(files=1)

    for outcome in storage.put_many(small()):
        if outcome.error is not None:
            raise outcome.error
        job.report(files=1, size_bytes=outcome.size_bytes if count_bytes else 0)


def _reported(job: JobContext, chunks: Iterable[bytes], count_bytes: bool) -> Iterator[bytes]:
    for chunk in chunks:
        job.report(size_bytes=len(chunk) if count_bytes else 0)
        yield chunk
