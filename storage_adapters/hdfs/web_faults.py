"""Web faults: from what HdfsCLI and the HTTP library beneath it raise to the storage's error."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import BadStatusLine, RemoteDisconnected

import requests
from hdfs.util import HdfsError

from storage_adapters.errors import ConfigurationInvalid, PermissionDenied, StorageError, StorageUnavailable
from storage_adapters.hdfs.faults import translate

ERRORS: Mapping[type[Exception], tuple[type[StorageError], str]] = {
    requests.exceptions.SSLError: (
        ConfigurationInvalid,
        "The server's certificate is not trusted: name its authority's file in the option 'ca_file'.",
    ),
    requests.exceptions.InvalidURL: (
        ConfigurationInvalid,
        "The URL names no server: correct its host and port.",
    ),
    requests.exceptions.InvalidSchema: (
        ConfigurationInvalid,
        "The server sends us to what is no web server: the URL must name a NameNode or an HttpFS gateway.",
    ),
    requests.exceptions.ConnectTimeout: (
        StorageUnavailable,
        "The server does not answer to a connection: is it up, and does a firewall stand between?",
    ),
    requests.exceptions.ReadTimeout: (
        StorageUnavailable,
        "The server did not answer in time: is it overloaded, and is this its HTTP port?",
    ),
    requests.exceptions.TooManyRedirects: (
        ConfigurationInvalid,
        "The server sends us elsewhere where an answer was due: the URL must name a NameNode or an HttpFS gateway.",
    ),
    requests.exceptions.ConnectionError: (
        StorageUnavailable,
        "The server cannot be reached, or broke off: is it up, and are host and port of the URL right?",
    ),
    requests.exceptions.RequestException: (StorageUnavailable, "The request failed."),
}
"""The first row that fits counts; the special ones stand before what they derive from."""

STATUSES: Mapping[int, type[StorageError]] = {
    401: PermissionDenied,
    403: PermissionDenied,
    429: StorageUnavailable,
    500: StorageUnavailable,
    502: StorageUnavailable,
    503: StorageUnavailable,
    504: StorageUnavailable,
}
"""Where an answer names no Java exception, it was not WebHDFS that gave it: other statuses are `ConfigurationInvalid`."""

WEB_PORT = 9870
NOT_WEBHDFS = (
    f"What answers there does not speak WebHDFS: check the port, which is usually {WEB_PORT} (14000 of HttpFS), "
    "and that dfs.webhdfs.enabled is on."
)


@contextmanager
def translated(path: str | None = None) -> Iterator[None]:
    """Raise storage errors instead of the libraries'."""
    try:
        yield
    except HdfsError as error:
        raise translate_answer(error, path) from error
    except requests.HTTPError as error:
        raise translate_response(error.response, path) from error
    except requests.JSONDecodeError as error:
        raise ConfigurationInvalid(NOT_WEBHDFS, key=path) from error
    except requests.RequestException as error:
        raise translate_request(error, path) from error
    except (KeyError, TypeError, ValueError) as error:  # JSON, but not of this kind
        raise ConfigurationInvalid(NOT_WEBHDFS, key=path) from error


def translate_answer(error: HdfsError, path: str | None) -> StorageError:
    """The storage error for what HdfsCLI made of an answer; without a Java class it was no WebHDFS answer."""
    message = str(error.message)
    if error.exception is None:
        if message.startswith("Authentication failure"):
            return PermissionDenied(
                "The server does not accept our user or ticket: correct the option 'user' or 'token'.",
                key=path,
            )
        return ConfigurationInvalid(NOT_WEBHDFS, key=path)
    return translate(error.exception, message, path)


def translate_response(response: requests.Response, path: str | None) -> StorageError:
    """The storage error for an answer of a DataNode or gateway that is no success."""
    try:
        told = response.json()["RemoteException"]
        return translate(told["exception"], told["message"], path)
    except (ValueError, KeyError, TypeError):
        kind = STATUSES.get(response.status_code, ConfigurationInvalid)
        return kind(
            f"The server answered {response.status_code} without a reason: is what stands behind the URL up?",
            key=path,
        )


def translate_request(error: requests.RequestException, path: str | None) -> StorageError:
    """The storage error for a request that got no answer."""
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE" not in str(error):
        return ConfigurationInvalid(
            "What answers there does not speak TLS: correct the port or the option 'tls'.", key=path
        )
    if _is_no_http(error):
        return ConfigurationInvalid(NOT_WEBHDFS, key=path)
    kind, words = next(row for exception, row in ERRORS.items() if isinstance(error, exception))
    return kind(words, key=path)


def _is_no_http(error: requests.RequestException) -> bool:
    """Whether an answer came that does not begin as one of HTTP; to hang up without a word is no answer."""
    # requests wraps the error of urllib3, whose last argument is that of Python's own client.
    causes = [cause for each in error.args for cause in getattr(each, "args", ())]
    return any(
        isinstance(each, BadStatusLine) and not isinstance(each, RemoteDisconnected) for each in causes
    )
