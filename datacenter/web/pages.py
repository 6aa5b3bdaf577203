"""Pages of a list: keyset cursors that a client passes back as they are."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Query

from datacenter.errors import Invalid
from datacenter.web.schemas.base import Page

DEFAULT_ITEMS = 100
MAX_ITEMS = 1000
SIGNATURE_BYTES = 8

Row = TypeVar("Row")
Item = TypeVar("Item")
Limit = Annotated[int, Query(ge=1, le=MAX_ITEMS, description="Maximum number of items in one response.")]
CursorText = Annotated[
    str | None, Query(alias="cursor", max_length=4096, description="`next` of the previous page.")
]


@dataclass(frozen=True, kw_only=True)
class Cursors:
    """Makes and reads the cursors of one list; a cursor of another list, or an altered one, is rejected."""

    secret: str
    list_name: str

    def write(self, position: str) -> str:
        """The cursor that continues after `position`."""
        text = position.encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(self._signature(text) + text).decode().rstrip("=")

    def read(self, cursor: str | None) -> str | None:
        """The position a cursor stands for; None at the beginning. Raises: Invalid."""
        if cursor is None:
            return None
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            position = raw[SIGNATURE_BYTES:].decode("utf-8", "surrogatepass")
            if hmac.compare_digest(cursor, self.write(position)):
                return position
        except ValueError:
            pass
        raise Invalid(
            "cursor: not a cursor of this list; send `next` of the previous page unchanged", field="cursor"
        )

    def page(
        self, rows: Sequence[Row], limit: int, position: Callable[[Row], str], items: Sequence[Item]
    ) -> Page[Item]:
        """A page of at most `limit` items; the rows were read with one extra, which shows whether there are more."""
        more = self.write(position(rows[limit - 1])) if len(rows) > limit else None
        return Page(items=list(items[:limit]), next=more)

    def _signature(self, text: bytes) -> bytes:
        key = hashlib.sha256(self.secret.encode()).digest()
        return hashlib.blake2b(
            self.list_name.encode() + b"\0" + text, key=key, digest_size=SIGNATURE_BYTES
        ).digest()
