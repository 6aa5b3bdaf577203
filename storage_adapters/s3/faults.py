"""Faults: errors of boto3 and obstore become the storage's, by one table of S3's codes."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import ResponseParserError
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    UnauthenticatedError,
)

from storage_adapters.errors import (
    AddressRefused,
    ConfigurationInvalid,
    InvalidKey,
    NotSupported,
    ObjectChanged,
    ObjectExists,
    ObjectMissing,
    PermissionDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UploadInvalid,
    UploadMissing,
)

CODES: Mapping[str, type[StorageError]] = {
    "NoSuchKey": ObjectMissing,
    "NotFound": ObjectMissing,
    "404": ObjectMissing,
    "NoSuchUpload": UploadMissing,
    "InvalidPart": UploadInvalid,
    "InvalidPartOrder": UploadInvalid,
    "EntityTooSmall": UploadInvalid,
    "EntityTooLarge": UploadInvalid,
    "InvalidRange": ObjectChanged,
    "416": ObjectChanged,
    "PreconditionFailed": ObjectExists,  # the only condition that is ever sent is that there is nothing yet
    "412": ObjectExists,
    "KeyTooLongError": InvalidKey,
    "KeyTooLong": InvalidKey,  # COS
    "InvalidObjectName": InvalidKey,  # RGW
    "InvalidURI": InvalidKey,
    "AccessDenied": PermissionDenied,
    "403": PermissionDenied,
    "InvalidAccessKeyId": PermissionDenied,
    "SignatureDoesNotMatch": PermissionDenied,
    "RequestTimeTooSkewed": PermissionDenied,
    "ExpiredToken": PermissionDenied,
    "UserSuspended": PermissionDenied,  # RGW
    "AccountProblem": PermissionDenied,
    "QuotaExceeded": StorageFull,  # RGW
    "InsufficientCapacity": StorageFull,
    "SlowDown": StorageUnavailable,
    "503": StorageUnavailable,
    "NoSuchBucket": ConfigurationInvalid,
    "InvalidBucketName": ConfigurationInvalid,
    "PermanentRedirect": ConfigurationInvalid,
    "AuthorizationHeaderMalformed": ConfigurationInvalid,
    "PathStyleDomainForbidden": ConfigurationInvalid,  # COS
    "NotImplemented": NotSupported,
    "MethodNotAllowed": NotSupported,
}
"""Of other codes, those of client errors (4xx) are a `StorageError`; the rest may be temporary: `StorageUnavailable`.

Source: S3's, RGW's and COS's lists of error codes; a HEAD has no body, there the status takes the place of the code."""

MAY_PASS = frozenset({"408", "409", "425", "429", "RequestTimeout", "SlowDown", "ConditionalRequestConflict"})
"""Client errors (4xx) that may be gone at the next try."""

OBSTORE_ERRORS: Mapping[type[Exception], type[StorageError]] = {
    FileNotFoundError: ObjectMissing,
    PermissionDeniedError: PermissionDenied,
    UnauthenticatedError: PermissionDenied,
    NotSupportedError: NotSupported,
    InvalidPathError: InvalidKey,
    ValueError: InvalidKey,  # a name that obstore does not accept
}
"""For answers without a code; every other class, GenericError above all, is a connection error: `StorageUnavailable`."""

MESSAGES: Mapping[str, str] = {
    "NoSuchKey": "There is no object under this key.",
    "404": "There is no object under this key.",
    "NoSuchUpload": "There is no such upload.",
    "PreconditionFailed": "There is an object under this key.",
    "InvalidRange": "The object ends before the range does.",
    "InvalidPart": "A part was not written, or was replaced since: send it again.",
    "EntityTooSmall": "A part is too small; only the last may be.",
    "NoSuchBucket": "There is no such bucket: create it, or correct the bucket in the URL.",
    "InvalidAccessKeyId": "The storage does not know this access key: correct the option 'access_key'.",
    "SignatureDoesNotMatch": "The secret key does not belong to the access key: correct the option 'secret_key'.",
    "RequestTimeTooSkewed": (
        "Clock skew: this machine and the storage differ by more than 15 minutes. Synchronise the clock (NTP)."
    ),
    "AccessDenied": (
        "Access denied: the access key is valid but may not do this. "
        "Allow it in the bucket's policy or the account's rights."
    ),
    "403": "Access denied: the access key may not do this. Check the key, and the bucket's policy.",
    "UserSuspended": "The owner of the access key is suspended: ask an administrator of the storage to enable the account.",
    "ExpiredToken": "The access key has expired: set new values for the options 'access_key' and 'secret_key'.",
    "SlowDown": "The storage is overloaded: try again later.",
    "503": "The storage is overloaded or not ready: try again later.",
    "QuotaExceeded": "The quota of the bucket or of its owner is used up: raise it, or delete objects.",
    "PermanentRedirect": "The bucket is in another region: correct the options 'region' and 'endpoint'.",
    "AuthorizationHeaderMalformed": "The storage is in another region: correct the option 'region'.",
    "PathStyleDomainForbidden": "The bucket must be a part of the host name: set the option 'addressing' to 'virtual'.",
}
"""Messages for codes whose own text does not say what to do."""

NOT_S3 = "does not speak S3: check the option 'endpoint'."
_HEADERS_MISSING = "Unable to extract metadata from headers"
"""obstore's message for an answer without the headers Last-Modified and ETag."""

_REFUSAL = re.compile(r"Server returned non-2xx status code: (\d{3})[^:]*:(.*)", re.DOTALL)
_CODE = re.compile(r"<Code>(\w+)</Code>")

SDK_ERRORS = (ClientError, BotoCoreError, ResponseParserError, BaseError, FileNotFoundError, ValueError)


def translate(error: Exception, key: str | None = None) -> StorageError:
    """The storage error for an SDK's error, which becomes its cause."""
    fault = _from_boto(error, key) if isinstance(error, ClientError) else _from_others(error, key)
    fault.__cause__ = error
    return fault


def from_code(code: str, status: int, words: str = "", key: str | None = None) -> StorageError:
    """The error for a code, or for the status where the storage gave no code that is in the table."""
    kind = CODES.get(code) or CODES.get(str(status))
    if kind is None:
        passing = not 400 <= status < 500 or {code, str(status)} & MAY_PASS
        kind = StorageUnavailable if passing else StorageError
    if code == str(status) and key is None:
        # Without a key it was no HEAD, and every other answer of S3 has a code.
        kind = StorageUnavailable if status >= 500 else ConfigurationInvalid
        return kind(f"The server (status {status}) {NOT_S3}")
    answer = code if code == str(status) else f"{code} ({status})"
    return kind(MESSAGES.get(code) or f"The storage answered {answer}. {words}".rstrip(), key=key)


@contextmanager
def translated(key: str | None = None) -> Iterator[None]:
    """Raise storage errors instead of the SDKs'."""
    try:
        yield
    except SDK_ERRORS as error:
        raise translate(error, key) from error


def _from_boto(error: ClientError, key: str | None) -> StorageError:
    answer = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return from_code(str(answer.get("Code", status)), status, answer.get("Message") or "", key)


def _from_others(error: Exception, key: str | None) -> StorageError:
    refusal = _REFUSAL.search(str(error)) if not isinstance(error, BotoCoreError) else None
    if refusal is not None:
        found = _CODE.search(refusal[2])
        return from_code(found[1] if found else refusal[1], int(refusal[1]), key=key)
    if isinstance(error, BotoCoreError) and not isinstance(error, (HTTPClientError, NotConnected)):
        return ConfigurationInvalid(str(error), key=key)  # the SDK refused it before anything was sent
    if isinstance(error, ResponseParserError) or _HEADERS_MISSING in str(error):
        return ConfigurationInvalid(f"The server {NOT_S3}", key=key)
    for kind, fault in OBSTORE_ERRORS.items():
        if isinstance(error, kind):
            return fault(str(error).partition("\n")[0], key=key)
    return _from_connection(error, key)


def _from_connection(error: Exception, key: str | None) -> StorageError:
    """No answer came: say at which step the request failed."""
    causes = list(_causes(error))
    text = str(error)
    refused = next((cause for cause in causes if isinstance(cause, AddressRefused)), None)
    if refused is not None:
        return AddressRefused(refused.detail, key=key)
    if any(isinstance(cause, socket.gaierror) for cause in causes) or "dns error" in text:
        return StorageUnavailable(
            "The endpoint's host name cannot be resolved: correct the option 'endpoint', or the option 'region' that is "
            "part of it.",
            key=key,
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes) or "ConnectionRefused" in text:
        return StorageUnavailable(
            "The endpoint refuses the connection: check that the storage is running, and the port of the option 'endpoint'.",
            key=key,
        )
    if any(isinstance(cause, ConnectTimeoutError | ReadTimeoutError | TimeoutError) for cause in causes):
        return StorageUnavailable(
            "The storage did not answer in time: check whether it is overloaded, or a firewall blocks the connection.",
            key=key,
        )
    untrusted = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
    if untrusted or any(mark in text for mark in ("CERTIFICATE_VERIFY_FAILED", "InvalidCertificate")):
        return ConfigurationInvalid(
            "The endpoint's certificate is not trusted: name the file of its authority in the option 'ca_file'.",
            key=key,
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return ConfigurationInvalid(
            "The server does not speak TLS: correct the scheme or the port of the option 'endpoint'.",
            key=key,
        )
    return StorageUnavailable(f"The storage did not answer: {text.partition(chr(10))[0]}", key=key)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes; botocore keeps urllib3's error in a mapping, urllib3 its own in an attribute."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__, getattr(each, "reason", None)]
            waiting += [getattr(each, "kwargs", {}).get("error")] if isinstance(each, BotoCoreError) else []
