"""Secret options: which options of a storage are secrets, and their redaction."""

import re
from collections.abc import Mapping

from datacenter.observability.redaction import REDACTED, redacted_url
from storage_adapters.options import OptionValue

Options = Mapping[str, OptionValue]
SECRET_OPTION = re.compile(r"secret|passw|token|credential|key$|_key_|sign|auth", re.IGNORECASE)
"""It is better to redact one option too many than one too few."""


def is_secret(option: str) -> bool:
    """Whether an option of this name holds a secret."""
    return SECRET_OPTION.search(option) is not None


def secrets_of(options: Options) -> dict[str, OptionValue]:
    """The options that are secrets."""
    return {name: value for name, value in options.items() if is_secret(name)}


def redacted_options(options: Options) -> dict[str, OptionValue]:
    """The options with `***` in place of every secret, including secrets in a URL, such as a proxy's password."""
    return {
        name: REDACTED if is_secret(name) else redacted_url(value) if isinstance(value, str) else value
        for name, value in options.items()
    }
