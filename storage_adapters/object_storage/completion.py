"""Completing an upload again: the object that its first completion made stands for it."""

from collections.abc import Callable

from storage_adapters.errors import ObjectMissing, UploadMissing
from storage_adapters.object_storage.contract import ObjectInfo


def completed_before(key: str, size_bytes: int, stat: Callable[[str], ObjectInfo]) -> ObjectInfo:
    """The object of an upload that is gone, if it has the size of the upload's parts. Raises: UploadMissing."""
    try:
        info = stat(key)
    except ObjectMissing as error:
        raise UploadMissing("There is no such upload, and no object under its key.", key=key) from error
    if info.size_bytes != size_bytes:
        raise UploadMissing(
            "There is no such upload, and the object under its key has another size.", key=key
        )
    return info
