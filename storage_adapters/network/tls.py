"""TLS: Python's SSL contexts for the modes that the storages' options name."""

import ssl
from functools import cache

from storage_adapters.errors import ConfigurationInvalid


@cache
def any_certificate() -> ssl.SSLContext:
    """A context that encrypts and accepts any certificate; one for all connections."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def tls_context(mode: str, *, ca: str = "", certificate: str = "", key: str = "") -> ssl.SSLContext:
    """A context for `required` (any certificate), `verify-ca` or `verify-identity` (the host's own name in it).

    The paths name PEM files; without `ca` the system's authorities are trusted.

    Raises:
        ConfigurationInvalid: a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca or None)
        context.check_hostname = mode == "verify-identity"
        if mode == "required":
            context.verify_mode = ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate, key or None)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationInvalid(
            f"The files of the TLS options cannot be used: {error}. Correct their paths or contents."
        ) from error
    return context
