"""The place rule of storages that only tests have: the host of the URL is a container, and the rest a path."""

from collections.abc import Iterator

from storage_adapters.places import CanonicalPlace, Options


def url_places(url: str, _options: Options) -> Iterator[CanonicalPlace]:
    """A place by its URL alone."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    yield CanonicalPlace(system=scheme, container=host, path=f"/{path}")
