"""Native faults: from what hdfs-native raises to the storage's error."""

import re
from collections.abc import Mapping

from storage_adapters.errors import (
    ConfigurationInvalid,
    NotSupported,
    ObjectExists,
    ObjectMissing,
    PermissionDenied,
    StorageError,
    StorageUnavailable,
)
from storage_adapters.hdfs.faults import translate

ERRORS: Mapping[type[BaseException], type[StorageError]] = {
    FileNotFoundError: ObjectMissing,
    FileExistsError: ObjectExists,
    PermissionError: PermissionDenied,
    NotImplementedError: NotSupported,
}

VARIANTS: Mapping[str, type[StorageError]] = {
    "InvalidArgument": ConfigurationInvalid,
    "InvalidPath": ConfigurationInvalid,
    "UrlParseError": ConfigurationInvalid,
    "XmlParseError": ConfigurationInvalid,
    "UnsupportedFeature": NotSupported,
    "UnsupportedErasureCodingPolicy": NotSupported,
    "SASLError": PermissionDenied,
    "GSSAPIError": PermissionDenied,
    "NoSASLMechanism": PermissionDenied,
    "IsADirectoryError": ObjectMissing,
}
"""A RuntimeError holds the Rust error as text, `Variant("detail")`; other variants may pass."""

_REMOTE = re.compile(r'(?:RPCError|FatalRPCError)\("(?P<name>[^"]+)", "(?P<message>.*)', re.DOTALL)
_VARIANT = re.compile(r'(?P<name>\w+)\("?(?P<message>.*)', re.DOTALL)


def translate_native(error: BaseException, path: str | None) -> StorageError:
    """The storage error for what the library raised; a refusal of the NameNode is read by its Java class."""
    text = str(error)
    if remote := _REMOTE.match(text):
        return translate(remote["name"], remote["message"].rstrip('")'), path)
    for kind, fault in ERRORS.items():
        if isinstance(error, kind):
            return fault(text.partition("\n")[0], key=path)
    variant = _VARIANT.match(text)
    fault = VARIANTS.get(variant["name"] if variant else "", StorageUnavailable)
    return fault(text.partition("\n")[0].partition("\\n")[0] or type(error).__name__, key=path)
