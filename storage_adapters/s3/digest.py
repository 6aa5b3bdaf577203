"""The digest that a bulk delete must carry."""

import hashlib
from base64 import b64encode
from typing import Any


def add_content_md5(params: dict[str, Any], **_: object) -> None:
    """Give a botocore request the header Content-MD5 of its body.

    Source: DeleteObjects needs it at COS and older RGW; newer botocore sends a CRC of its own instead.
    """
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = b64encode(digest).decode()
