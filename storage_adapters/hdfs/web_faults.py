"""Web faults: errors of HdfsCLI, and of the HTTP library beneath it, become the storage's."""

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
        "The server's certificate is not trusted: name the file of its authority in the option 'ca_file'.",
    ),
    requests.exceptions.InvalidURL: (
        ConfigurationInvalid,
        "The URL names no server: correct its host and port.",
    ),
    requests.exceptions.InvalidSchema: (
        ConfigurationInvalid,
        "The server redirects to something that is no web server: the URL must name a NameNode or an HttpFS gateway.",
    ),
    requests.exceptions.ConnectTimeout: (
        StorageUnavailable,
        "The server does not accept connections: check that it is running, and whether a firewall blocks it.",
    ),
    requests.exceptions.ReadTimeout: (
        StorageUnavailable,
        "The server did not answer in time: check whether it is overloaded, and that this is its HTTP port.",
    ),
    requests.exceptions.TooManyRedirects: (
        ConfigurationInvalid,
        "The server redirects instead of answering: the URL must name a NameNode or an HttpFS gateway.",
    ),
    requests.exceptions.ConnectionError: (
        StorageUnavailable,
        "The server cannot be reached, or closed the connection: check that it is running, and the URL's host and port.",
    ),
    requests.exceptions.RequestException: (StorageUnavailable, "The request failed: try again."),
}
"""The first row that matches counts; subclasses come before their base classes."""

STATUSES: Mapping[int, type[StorageError]] = {
    401: PermissionDenied,
    403: PermissionDenied,
    429: StorageUnavailable,
    500: StorageUnavailable,
    502: StorageUnavailable,
    503: StorageUnavailable,
    504: StorageUnavailable,
}
"""For answers that name no Java exception, so are not from WebHDFS; other statuses are `ConfigurationInvalid`."""

WEB_PORT = 9870
NOT_WEBHDFS = (
    f"The server does not speak WebHDFS: check the port, which is usually {WEB_PORT} (14000 of HttpFS), "
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
    except (KeyError, TypeError, ValueError) as error:  # JSON, but not WebHDFS's
        raise ConfigurationInvalid(NOT_WEBHDFS, key=path) from error


def translate_answer(error: HdfsError, path: str | None) -> StorageError:
    """The storage error for an error of HdfsCLI; without a Java class the answer was not WebHDFS's."""
    message = str(error.message)
    if error.exception is None:
        if message.startswith("Authentication failure"):
            return PermissionDenied(
                "The server does not accept the user or the ticket: correct the option 'user' or 'token'.",
                key=path,
            )
        return ConfigurationInvalid(NOT_WEBHDFS, key=path)
    return translate(error.exception, message, path)


def translate_response(response: requests.Response, path: str | None) -> StorageError:
    """The storage error for an error status of a DataNode or gateway."""
    try:
        found = response.json()["RemoteException"]
        return translate(found["exception"], found["message"], path)
    except (ValueError, KeyError, TypeError):
        kind = STATUSES.get(response.status_code, ConfigurationInvalid)
        return kind(
            f"The server answered {response.status_code} without a reason: check the server behind the URL.",
            key=path,
        )


def translate_request(error: requests.RequestException, path: str | None) -> StorageError:
    """The storage error for a request that got no answer."""
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE" not in str(error):
        return ConfigurationInvalid(
            "The server does not speak TLS: correct the port or the option 'tls'.", key=path
        )
    if _is_no_http(error):
        return ConfigurationInvalid(NOT_WEBHDFS, key=path)
    kind, words = next(row for exception, row in ERRORS.items() if isinstance(error, exception))
    return kind(words, key=path)


def _is_no_http(error: requests.RequestException) -> bool:
    """Whether the answer is not HTTP; a connection closed without a byte is no answer."""
    # requests wraps the error of urllib3, whose last argument is that of Python's own client.
    causes = [cause for each in error.args for cause in getattr(each, "args", ())]
    return any(
        isinstance(each, BadStatusLine) and not isinstance(each, RemoteDisconnected) for each in causes
    )
