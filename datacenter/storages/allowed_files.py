"""Allowed files: which files of this machine the options of a storage that is registered by request may name."""

import os
import re

from datacenter.errors import Invalid
from datacenter.settings import Settings
from datacenter.storages.secret_options import Options

FILE_OPTION = re.compile(r"(?:^|_)(?:file|dir|directory|path|ca|certificate)$|^tls_key$", re.IGNORECASE)
"""Options whose value is the name of a file or a directory: `ca_file`, `tls_ca`, `tls_key`, `config_dir`."""


def check_files(settings: Settings, options: Options) -> None:
    """Refuse a file outside of the directories that the settings list. No file is opened.

    Raises:
        Invalid: naming the option and the entry that is missing; the file's name is not quoted.
    """
    listed = settings.registration.files
    if settings.environment == "development" and not listed:
        return
    directories = [os.path.realpath(directory) for directory in listed]
    for name, value in options.items():
        if FILE_OPTION.search(name) and value != "" and not _is_within(str(value), directories):
            raise Invalid(
                f"options.{name}: this file may not be named; whoever runs the server can list its directory "
                "under registration.files",
                field=f"options.{name}",
            )


def _is_within(file: str, directories: list[str]) -> bool:
    """Whether a file lies in one of the directories, once symbolic links and `..` are resolved."""
    if not os.path.isabs(file) or "\0" in file:
        return False
    real = os.path.realpath(file)
    return any(os.path.commonpath((real, directory)) == directory for directory in directories)
