"""Listing: the objects of a bucket as the server sorts them, page by page.

By boto3: obstore's listing takes whole segments only as a prefix, calls the marker `folder/` an object
`folder`, and breaks off at a name with a control character or an empty segment.
"""

from collections.abc import Iterator

from storage_adapters.contract import ObjectInfo
from storage_adapters.errors import InvalidKey
from storage_adapters.keys import check_key
from storage_adapters.s3.clients import Clients
from storage_adapters.s3.faults import translated
from storage_adapters.s3.objects import info_of


def list_names(clients: Clients, prefix: str, start_after: str = "") -> Iterator[ObjectInfo]:
    """Everything that is stored under the prefix, in UTF-8 byte order, markers of directories and foreign names too."""
    to = clients.connection
    pages = clients.boto.get_paginator("list_objects_v2").paginate(
        Bucket=to.bucket, Prefix=to.name(prefix), StartAfter=to.name(start_after) if start_after else ""
    )
    with translated():
        for page in pages:
            for found in page.get("Contents", []):
                yield info_of(to.key(found["Key"]), found["Size"], found["LastModified"], found.get("ETag"))


def list_keys(clients: Clients, prefix: str, start_after: str = "") -> Iterator[ObjectInfo]:
    """Like `list_names` without what is no key."""
    for found in list_names(clients, prefix, start_after):
        try:
            check_key(found.key)
        except InvalidKey:
            continue
        yield found
