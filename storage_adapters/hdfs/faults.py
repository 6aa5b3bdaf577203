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
    """A directory that holds something was to be removed without what it holds."""


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
"""Everything else (IOException, LeaseExpiredException …) may pass: `StorageUnavailable`."""

PHRASES: Mapping[str, type[StorageError]] = {
    "must both be directories": InvalidKey,
    "is not a directory": InvalidKey,
    "maximum path component name limit": InvalidKey,
    "Invalid path name": InvalidKey,
    "out of the range": ObjectChanged,
    "Path is not a file": ObjectMissing,
}
"""What a plain IOException, or one whose name got lost in the gateway, says in words only."""

WORDS: Mapping[str, str] = {
    "SafeModeException": "The NameNode is in safe mode: it serves reads only until its DataNodes have reported.",
    "StandbyException": "The NameNode is a standby; name its active one, too.",
    "ParentNotDirectoryException": "A segment of the key is an object.",
    "IllegalStateException": "A segment of the key is an object.",
}
"""Where the system's own words would not tell a person what to change."""


CURES: Mapping[str, str] = {
    "AccessControlException": "Have its owner allow that, or be another user: by the option 'user' over webhdfs, "
    "by HADOOP_USER_NAME over hdfs.",
}
"""What a person can do, told after the system's own words."""

_JAVA_CLASSES = re.compile(r"\b(?:[a-z]\w*\.)+[A-Z]\w*: ")


def translate(name: str, message: str, path: str | None = None) -> StorageError:
    """The storage error for a Java exception, by its class name with or without the package."""
    simple = name.replace("$", ".").rpartition(".")[2]
    kind = next((kind for phrase, kind in PHRASES.items() if phrase in message), None)
    text = _JAVA_CLASSES.sub("", message.partition("\n")[0].partition("\\n")[0]).strip()
    told = WORDS.get(simple) or text or simple or "HDFS gave no reason."
    cure = CURES.get(simple)
    return (kind or ERRORS.get(simple, StorageUnavailable))(f"{told}. {cure}" if cure else told, key=path)
