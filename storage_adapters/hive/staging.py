"""Staging: the directory of a file storage to which the engine writes results, and from which they are read."""

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
"""The prefix of the staging storage's options: its `user` is given as `staging_user`."""

_OPTIONS = re.compile(r"\boptions? '\w+'(?: and '\w+')?")
_OPENING = re.compile(r"'(\w)")
_IN_QUOTES = re.compile(r"[\w.:/@%+=,~-]+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class StagingDirectory:
    """The directory as a storage, and its URL for the engine."""

    storage: Storage
    engine_url: str


def open_staging(options: HiveOptions, storage_options: Mapping[str, OptionValue]) -> StagingDirectory | None:
    """The directory that the options name, if any. No server is contacted.

    `staging` is its URL here, of any kind of file storage. `engine_staging` is its URL for the engine; the default is
    the same for hdfs, and for webhdfs the path on the engine's own file system.

    Raises:
        ConfigurationInvalid: the detail names the option.
    """
    if not options.staging:
        if storage_options or options.engine_staging:
            raise ConfigurationInvalid("Option 'staging' is missing: other options need it.")
        return None
    parts = urlsplit(options.staging)
    known = {"hdfs": options.staging, "webhdfs": parts.path}
    engine_url = (options.engine_staging or known.get(parts.scheme, "")).rstrip("/")
    if not engine_url:
        raise ConfigurationInvalid(
            f"Option 'engine_staging' is missing: the engine's URL of the {parts.scheme} directory."
        )
    if not _IN_QUOTES.fullmatch(engine_url):
        raise ConfigurationInvalid(
            "Option 'engine_staging' must be a URL or path of letters, digits and .:/@%+=,~-_"
        )
    is_limited = has_reach(parts.scheme) and options.reach != Reach.ANY
    reach = {"reach": options.reach} if is_limited else {}
    storage = open_storage(parts.scheme, options.staging, {**storage_options, **reach})
    return StagingDirectory(storage=storage, engine_url=engine_url)


def as_staging_options(detail: str) -> str:
    """The staging storage's message, with its options under their names here."""
    return _OPTIONS.sub(lambda found: _OPENING.sub(rf"'{PREFIX}\1", found[0]), detail)
