"""Faults: from the name of a Java exception, which both protocols carry, to the storage's error."""

import re
from collections.abc import Mapping

from storage_adapters.errors import (
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
)


class DirectoryNotEmpty(InvalidKey):
    """A directory that is not empty cannot be removed without its content."""


ERRORS: Mapping[str, type[StorageError]] = {
    "FileNotFoundException": ObjectMissing,
    "NoSuchFileException": ObjectMissing,
    "FileAlreadyExistsException": ObjectExists,
    "AccessControlException": PermissionDenied,
    "SecurityException": PermissionDenied,
    "AuthorizationException": PermissionDenied,
    "AuthenticationException": PermissionDenied,
    "InvalidToken": PermissionDenied,
    "InvalidPathException": InvalidKey,
    "PathComponentTooLongException": InvalidKey,
    "MaxDirectoryItemsExceededException": StorageFull,
    "ParentNotDirectoryException": InvalidKey,
    "PathIsNotDirectoryException": InvalidKey,
    "PathIsNotEmptyDirectoryException": DirectoryNotEmpty,
    "IllegalStateException": InvalidKey,  # "Current inode is not a directory": a key under an object
    "IllegalArgumentException": InvalidKey,
    "DSQuotaExceededException": StorageFull,
    "NSQuotaExceededException": StorageFull,
    "QuotaExceededException": StorageFull,
    "UnsupportedOperationException": NotSupported,
    "HadoopIllegalArgumentException": NotSupported,
    "RpcNoSuchMethodException": NotSupported,
    "RpcNoSuchProtocolException": ConfigurationInvalid,
    "SafeModeException": StorageUnavailable,
    "StandbyException": StorageUnavailable,
    "RetriableException": StorageUnavailable,
}
"""Everything else (IOException, LeaseExpiredException …) may be temporary: `StorageUnavailable`."""

PHRASES: Mapping[str, type[StorageError]] = {
    "must both be directories": InvalidKey,
    "is not a directory": InvalidKey,
    "maximum path component name limit": InvalidKey,
    "Invalid path name": InvalidKey,
    "out of the range": ObjectChanged,
    "Path is not a file": ObjectMissing,
}
"""Texts of a plain IOException, or of one whose name the gateway does not pass on."""

MESSAGES: Mapping[str, str] = {
    "SafeModeException": "The NameNode is in safe mode and serves only reads: wait until its DataNodes have reported.",
    "StandbyException": "The NameNode is a standby: name the active one, too.",
    "ParentNotDirectoryException": "A segment of the key is an object: use another key.",
    "IllegalStateException": "A segment of the key is an object: use another key.",
}
"""Messages for errors whose own text does not say what to change."""


HINTS: Mapping[str, str] = {
    "AccessControlException": "Ask the owner to allow it, or use another user: by the option 'user' over webhdfs, "
    "by HADOOP_USER_NAME over hdfs.",
}
"""What to do, added to the system's own text."""

_JAVA_CLASSES = re.compile(r"\b(?:[a-z]\w*\.)+[A-Z]\w*: ")


def translate(name: str, message: str, path: str | None = None) -> StorageError:
    """The storage error for a Java exception, by its class name with or without the package."""
    simple = name.replace("$", ".").rpartition(".")[2]
    kind = next((kind for phrase, kind in PHRASES.items() if phrase in message), None)
    text = _JAVA_CLASSES.sub("", message.partition("\n")[0].partition("\\n")[0]).strip()
    reason = MESSAGES.get(simple) or text or simple or "HDFS gave no reason."
    hint = HINTS.get(simple)
    return (kind or ERRORS.get(simple, StorageUnavailable))(f"{reason}. {hint}" if hint else reason, key=path)
