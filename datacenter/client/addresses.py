"""Addresses: the path of a call. A name is always one segment of it, so it cannot address anything else."""

from urllib.parse import quote

from datacenter.client.errors import Problem

NO_NAMES = ("", ".", "..")


def address(collection: str, name: str, *below: str) -> str:
    """`/datasets/<id>/files` of `datasets`, an id and `files`.

    Raises:
        Problem: NOT_FOUND, the text cannot be a name; the server would read it as another address.
    """
    if name in NO_NAMES or "/" in name:
        raise Problem(
            status=404,
            code="NOT_FOUND",
            title="Not found",
            detail=f"there is nothing named {name!r} among the {collection.partition('/')[0]}",
        )
    return "/".join(("", collection, quote(name, safe=""), *below))
