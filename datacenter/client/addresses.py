"""Addresses: what a call is about, as a path; whatever somebody took for a name, it leads to nothing else."""

from urllib.parse import quote

from datacenter.client.errors import Problem

STEPS = ("", ".", "..")


def address(collection: str, name: str, *below: str) -> str:
    """`/datasets/<id>/files` of `datasets`, an id and `files`.

    Raises:
        Problem: NOT_FOUND, for what no name can be; the server would take it for another address.
    """
    if name in STEPS or "/" in name:
        raise Problem(
            status=404,
            code="NOT_FOUND",
            title="Not found",
            detail=f"there is nothing named {name!r} among the {collection.partition('/')[0]}",
        )
    return "/".join(("", collection, quote(name, safe=""), *below))
