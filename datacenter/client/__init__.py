"""The typed Python client of the REST API: `Client(url, token)`, one attribute per noun."""

from datacenter.client.calls import Patience
from datacenter.client.client import Client
from datacenter.client.errors import ClientError, OtherFile, Problem, ServerUnreachable, TransferFailed
from datacenter.client.objects import (
    Dataset,
    Download,
    Entry,
    Export,
    FileEntry,
    Health,
    Job,
    JobError,
    LabelFilter,
    Preview,
    Progress,
    Storage,
    Version,
)

__all__ = [
    "Client",
    "ClientError",
    "Dataset",
    "Download",
    "Entry",
    "Export",
    "FileEntry",
    "Health",
    "Job",
    "JobError",
    "LabelFilter",
    "OtherFile",
    "Patience",
    "Preview",
    "Problem",
    "Progress",
    "ServerUnreachable",
    "Storage",
    "TransferFailed",
    "Version",
]
