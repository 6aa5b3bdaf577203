"""Completing an upload: parts follow one another, and a second completion gives the object that the first one made."""

from collections.abc import Callable, Sequence

from storage_adapters.errors import ObjectMissing, UploadInvalid, UploadMissing
from storage_adapters.object_storage.contract import ObjectInfo, Part


def total_length(parts: Sequence[Part], key: str, *, minimum_part_bytes: int = 0) -> int:
    """The length of the object that the parts, by number, make.

    Raises: UploadInvalid: they do not follow one another, or one that is not the last has too few bytes.
    """
    end = 0
    for part in parts:
        if part.offset != end:
            raise UploadInvalid(f"Part {part.number} begins at {part.offset}, not at {end}.", key=key)
        if part.length < minimum_part_bytes and part is not parts[-1]:
            raise UploadInvalid(f"Part {part.number} is too small; only the last may be.", key=key)
        end += part.length
    return end


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
