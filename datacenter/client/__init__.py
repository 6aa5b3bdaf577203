"""The typed Python client of the REST API: `Client(url, token)`, one attribute per noun."""

from datacenter.client.calls import Patience
from datacenter.client.client import Client
from datacenter.client.errors import ClientError, OtherFile, Problem, ServerUnreachable, TransferFailed
from datacenter.client.objects import (
    AuditEntry,
    Dataset,
    Download,
    Entry,
    Export,
    FileEntry,
    Health,
    Job,
    JobError,
    LabelFilter,
    Me,
    Preview,
    Progress,
    Project,
    Storage,
    Token,
    Version,
)

__all__ = [
    "AuditEntry",
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
    "Me",
    "OtherFile",
    "Patience",
    "Preview",
    "Problem",
    "Progress",
    "Project",
    "ServerUnreachable",
    "Storage",
    "Token",
    "TransferFailed",
    "Version",
]
