"""Secret options: which options of a storage are secrets, and how they are left out of what people read."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

from storage_adapters.options import OptionValue

Options = Mapping[str, OptionValue]
HIDDEN = "***"
SECRET_OPTION = re.compile(r"secret|passw|token|credential|key$|_key_|sign|auth", re.IGNORECASE)
"""Rather one option too many is hidden than one too few."""
SHORTEST_SCRUBBED = 4
"""A shorter secret would be found by chance in any sentence, and tell less by being left in than by its places."""


def is_secret(option: str) -> bool:
    """Whether an option of this name holds a secret."""
    return SECRET_OPTION.search(option) is not None


def secrets_of(options: Options) -> dict[str, OptionValue]:
    """The options that are secrets."""
    return {name: value for name, value in options.items() if is_secret(name)}


def hide(options: Options) -> dict[str, OptionValue]:
    """The options with `***` in place of every secret, also of one in a URL, as a proxy's may have."""
    return {
        name: HIDDEN if is_secret(name) else hide_in_url(value) if isinstance(value, str) else value
        for name, value in options.items()
    }


def hide_in_url(url: str) -> str:
    """The URL without its password, and without what follows a question mark, which may hold keys."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    who, at, place = parts.netloc.rpartition("@")
    user, colon, _ = who.partition(":")
    if not parts.query and not (at and colon):
        return url  # as it was written: put together again, `nas:///mnt` would lose two slashes
    netloc = f"{user}:{HIDDEN}@{place}" if at and colon else parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, query=HIDDEN if parts.query else ""))


def passwords_in(url: str) -> list[str]:
    """The password of a URL of the settings file, if the text is one; those of registrations have none."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []


def scrub(text: str, secrets: Iterable[OptionValue]) -> str:
    """A sentence of an adapter or an SDK, without the secrets it may quote."""
    for secret in sorted({str(value) for value in secrets}, key=len, reverse=True):
        if len(secret) >= SHORTEST_SCRUBBED:
            text = text.replace(secret, HIDDEN)
    return text
