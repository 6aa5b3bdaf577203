"""Staging: the directory of a file storage into which the engine writes results, and from which they are read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.hive.options import HiveOptions
from storage_adapters.network.reach import Reach
from storage_adapters.object_storage.contract import Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import has_reach, open_storage

PREFIX = "staging_"
"""How the options of the staging storage begin: its own `user` is given as `staging_user`."""

_OPTIONS = re.compile(r"\boptions? '\w+'(?: and '\w+')?")
_OPENING = re.compile(r"'(\w)")
_IN_QUOTES = re.compile(r"[\w.:/@%+=,~-]+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Staging:
    """The directory as a storage of ours, and as the engine calls it."""

    storage: Storage
    engine_url: str


def open_staging(options: HiveOptions, storage_options: Mapping[str, OptionValue]) -> Staging | None:
    """The directory that the options name, if they name one. Nothing is contacted.

    `staging` is its URL for us, of any kind of file storage. `engine_staging` is what the engine calls it; without
    it, that is the same for hdfs, and for webhdfs the path on the engine's own file system.

    Raises:
        ConfigurationInvalid: the detail names the option.
    """
    if not options.staging:
        if storage_options or options.engine_staging:
            raise ConfigurationInvalid("Option 'staging' is missing; others say how to use it.")
        return None
    parts = urlsplit(options.staging)
    known = {"hdfs": options.staging, "webhdfs": parts.path}
    engine_url = (options.engine_staging or known.get(parts.scheme, "")).rstrip("/")
    if not engine_url:
        raise ConfigurationInvalid(
            f"Option 'engine_staging' is missing: what the engine calls the directory of {parts.scheme}."
        )
    if not _IN_QUOTES.fullmatch(engine_url):
        raise ConfigurationInvalid(
            "Option 'engine_staging' is a URL or path of letters, digits and .:/@%+=,~-_"
        )
    held = has_reach(parts.scheme) and options.reach != Reach.ANY
    reach = {"reach": options.reach} if held else {}
    storage = open_storage(parts.scheme, options.staging, {**storage_options, **reach})
    return Staging(storage=storage, engine_url=engine_url)


def as_options(detail: str) -> str:
    """What the staging storage says, with its options under the names that they have here."""
    return _OPTIONS.sub(lambda found: _OPENING.sub(rf"'{PREFIX}\1", found[0]), detail)
