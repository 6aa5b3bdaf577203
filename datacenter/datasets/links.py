"""Signed links: who holds one may fetch one download until it expires, without a token."""

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime

import orjson
from pydantic import SecretStr

from datacenter.datasets.models import Download
from datacenter.errors import Gone, LinkInvalid, SettingsInvalid


def sign_link(secret: SecretStr, download: Download) -> str:
    """The token of a link: method, object, project and expiry, with their HMAC-SHA-256."""
    expires = int(download.expires_at.timestamp())
    content = orjson.dumps(["GET", download.id, download.project_id, expires])
    return f"{_encode(content)}.{_encode(_signature(secret, content))}"


def check_link(secret: SecretStr, token: str, moment: datetime) -> tuple[str, str]:
    """The download and the project that a token names. Raises: LinkInvalid, Gone."""
    content_text, _, signature_text = token.partition(".")
    try:
        content, signature = _decode(content_text), _decode(signature_text)
    except (binascii.Error, ValueError) as error:
        raise LinkInvalid("the link is damaged; copy it again in full") from error
    if not hmac.compare_digest(signature, _signature(secret, content)):
        raise LinkInvalid("the link was altered or signed with another key; ask for a new one")
    _, download_id, project_id, expires = orjson.loads(content)
    if datetime.fromtimestamp(expires, UTC) <= moment:
        raise Gone("the link has expired; ask for a new one")
    return download_id, project_id


def _signature(secret: SecretStr, content: bytes) -> bytes:
    key = secret.get_secret_value()
    if not key:
        raise SettingsInvalid("web.secret_key: links need one; set DATACENTER__WEB__SECRET_KEY")
    return hmac.digest(key.encode(), content, hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encode(data) != text:
        raise ValueError("not the canonical spelling")
    return data
