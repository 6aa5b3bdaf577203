"""The table of job kinds: a new kind is a new file and a row here."""

from datacenter.ledger.states import JobKind
from jobs.contract import JobRunner
from jobs.delete_dataset import DeleteDataset
from jobs.download_archive import DownloadArchive
from jobs.export_dataset import ExportDataset
from jobs.import_dataset import ImportDataset


def runners() -> dict[JobKind, JobRunner]:
    """The runner of each kind."""
    kinds: tuple[JobRunner, ...] = (ImportDataset(), ExportDataset(), DownloadArchive(), DeleteDataset())
    return {runner.kind: runner for runner in kinds}
