"""The known query: a parameter that a call does not have is refused, for whoever mistyped it would be given another answer."""

from collections.abc import Callable, Collection, Coroutine, Iterator
from difflib import get_close_matches
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from datacenter.errors import Invalid

MOST_SHOWN = 64
ALIKE = 0.75
"""Of 1: a letter too many or too few, not another word."""


class KnownQuery(APIRoute):
    """A route that takes the query parameters it declares, and no others."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the check."""
        handle = super().get_route_handler()
        known = sorted(_declared(self.dependant))

        async def handle_known(request: Request) -> Response:
            for name in request.query_params:
                if name not in known:
                    raise _unknown(name, known)
            return await handle(request)

        return handle_known


def _declared(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _declared(dependency)


def _unknown(name: str, known: Collection[str]) -> Invalid:
    shown = name[:MOST_SHOWN]
    near = get_close_matches(shown, known, n=1, cutoff=ALIKE)
    cure = f"did you mean {near[0]}?" if near else f"known are: {', '.join(known) or 'none'}"
    return Invalid(f"{shown}: this call has no such query parameter; {cure}", field=shown)
