"""Presigning: links that the storage itself honours until they expire, made without asking it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from storage_adapters.errors import NotSupported
from storage_adapters.keys import check_key
from storage_adapters.s3.clients import Clients
from storage_adapters.s3.faults import translated

_LONGEST_LINK = timedelta(days=7)


def presign_object(clients: Clients, key: str, method: Literal["GET", "PUT"], expires_in: timedelta) -> str:
    """A link to read or write a whole object. Raises: NotSupported."""
    to = clients.connection
    deed = "get_object" if method == "GET" else "put_object"
    return sign(clients, deed, {"Bucket": to.bucket, "Key": to.name(check_key(key))}, expires_in)


def sign(clients: Clients, deed: str, subject: Mapping[str, str | int], expires_in: timedelta) -> str:
    """A link for one request of S3. Raises: NotSupported: longer than seven days, which no S3 signature lasts."""
    if expires_in > _LONGEST_LINK:
        raise NotSupported("A presigned URL lasts seven days at most.")
    with translated():
        return clients.boto.generate_presigned_url(
            deed, Params=dict(subject), ExpiresIn=int(expires_in.total_seconds())
        )
