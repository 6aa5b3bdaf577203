"""One page of a list."""

from typing import Generic, TypeVar

from datacenter.web.schemas.base import Answer

Item = TypeVar("Item")


class Page(Answer, Generic[Item]):
    """Some items and the cursor of those that follow; without a cursor these were the last."""

    items: list[Item]
    next: str | None
