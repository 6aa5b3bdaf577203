"""HDFS: a directory of a Hadoop file system as a storage, through the NameNode (`hdfs`) or its REST gateway (`webhdfs`)."""

from storage_adapters.hdfs.filesystem import HdfsFileSystem, WebHdfsFileSystem
from storage_adapters.hdfs.options import HdfsOptions, WebHdfsOptions
from storage_adapters.hdfs.storage import HdfsStorage, WebHdfsStorage

__all__ = [
    "HdfsFileSystem",
    "HdfsOptions",
    "HdfsStorage",
    "WebHdfsFileSystem",
    "WebHdfsOptions",
    "WebHdfsStorage",
]
