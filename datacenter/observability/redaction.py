"""Redaction: secrets are replaced by `***` in everything that people read."""

import json
import re
import threading
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit, urlunsplit

REDACTED = "***"
MIN_SECRET_CHARACTERS = 4
"""A shorter secret occurs in ordinary sentences by chance, and each `***` there would reveal it."""


_LOGIN = re.compile(r"(?P<before>://[^:/?#@]*:)(?P<password>[^@]*)@")
"""Drivers and brokers also accept passwords with `/`, `?`, `#` and `[`, at which the standard library's parser ends the login."""


class Redactor:
    """Replaces secrets in text, both plain and escaped as in JSON; more can be added at any time."""

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()
        self.add(secrets)

    def add(self, secrets: Iterable[object]) -> None:
        """Redact these from now on."""
        texts = {str(secret) for secret in secrets}
        with self._lock:
            new = {text for text in texts if len(text) >= MIN_SECRET_CHARACTERS} - self._secrets
            if new:
                self._secrets |= new
                written = {form for secret in self._secrets for form in (secret, _as_json(secret))}
                longest_first = sorted(written, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def redact(self, text: str) -> str:
        """The text without the secrets."""
        return self._pattern.sub(REDACTED, text) if self._pattern else text


def redacted_url(url: str) -> str:
    """The URL without its passwords, and without what follows a question mark, which may hold keys."""
    redacted = _LOGIN.sub(rf"\g<before>{REDACTED}@", url)
    try:
        parts = urlsplit(redacted)
    except ValueError:
        return REDACTED
    if not parts.query:
        return redacted  # as it was written: put together again, `nas:///mnt` would lose two slashes
    return urlunsplit(parts._replace(query=REDACTED))


def passwords_in(url: str) -> list[str]:
    """The passwords of a URL, as they are written and decoded; nothing if there is none or the text is no URL."""
    found = [match["password"] for match in _LOGIN.finditer(url)]
    return [form for password in found if password for form in (password, unquote(password))]


def _as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
