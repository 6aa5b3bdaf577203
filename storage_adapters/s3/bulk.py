"""Bulk: near ranges are read with one request, and up to 1,000 keys are deleted with one."""

from collections.abc import Iterable, Iterator

from storage_adapters.errors import StorageError
from storage_adapters.object_storage.contract import ByteRange, DeleteOutcome
from storage_adapters.object_storage.keys import check_key
from storage_adapters.s3.clients import Clients
from storage_adapters.s3.faults import SDK_ERRORS, from_code, translate
from storage_adapters.s3.objects import read_object

KEYS_AT_ONCE = 1000
"""Source: S3's DeleteObjects takes no more."""
_NEAR_BYTES = 64 * 1024


def read_batch(clients: Clients, batch: list[ByteRange]) -> list[bytes]:
    """Read each range, near ones of one object with one request. Raises: ObjectMissing, ObjectChanged and others."""
    pieces: list[bytes] = []
    for near in _spans(batch):
        first, end = near[0], _end(near[-1])
        whole = ByteRange(key=first.key, offset=first.offset, length=end - first.offset)
        data = read_object(clients, whole)
        starts = [each.offset - first.offset for each in near]
        pieces += [data[start : start + each.length] for start, each in zip(starts, near, strict=True)]
    return pieces


def _spans(batch: list[ByteRange]) -> Iterator[list[ByteRange]]:
    """The ranges cut into runs of one object that go upwards with small gaps.

    Not by obstore's `get_ranges`, which panics where one of several near ranges begins beyond the object's end.
    """
    near: list[ByteRange] = []
    for wanted in batch:
        if near and (wanted.key != near[-1].key or not 0 <= wanted.offset - _end(near[-1]) <= _NEAR_BYTES):
            yield near
            near = []
        near.append(wanted)
    if near:
        yield near


def _end(wanted: ByteRange) -> int:
    return wanted.offset + wanted.length


def delete_batch(clients: Clients, batch: list[str]) -> list[DeleteOutcome]:
    """Delete each key with one request; a failed one does not stop the rest."""
    refused: list[DeleteOutcome] = []
    names: list[str] = []
    for key in batch:
        try:
            names.append(clients.connection.name(check_key(key)))
        except StorageError as error:
            refused.append(DeleteOutcome(key=key, error=error))
    return refused + delete_names(clients, names)


def delete_names(clients: Clients, names: Iterable[str]) -> list[DeleteOutcome]:
    """Like `delete_batch` for names as the bucket lists them, also such as no key can have.

    boto3's request, because obstore's gives one error for all of them and no outcome for each key.
    """
    wanted = list(names)
    if not wanted:
        return []
    to = clients.connection
    try:
        answer = clients.boto.delete_objects(
            Bucket=to.bucket,
            Delete={"Objects": [{"Key": name} for name in dict.fromkeys(wanted)], "Quiet": True},
        )
    except SDK_ERRORS as error:
        return [DeleteOutcome(key=to.key(name), error=translate(error, to.key(name))) for name in wanted]
    faults = {fault.get("Key", ""): fault for fault in answer.get("Errors", [])}
    return [
        DeleteOutcome(key=to.key(name), error=_fault_of(faults.get(name), to.key(name))) for name in wanted
    ]


def _fault_of(fault: object, key: str) -> StorageError | None:
    """The error of one key in an answer; a key that does not exist is no error."""
    if not isinstance(fault, dict) or fault.get("Code") == "NoSuchKey":
        return None
    code = str(fault.get("Code", "InternalError"))
    return from_code(code, 500 if code == "InternalError" else 400, str(fault.get("Message", "")), key)
