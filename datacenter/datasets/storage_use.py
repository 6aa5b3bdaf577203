"""Storage use: what lies on a storage, or is read from it, so that its registration has to stay."""

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from datacenter.datasets.kept_tables import FIELD
from datacenter.datasets.models import Archive, ArchiveState, Dataset, DeletedDataset, Litter, Upload
from datacenter.errors import StorageInUse
from datacenter.ledger.models import Job
from datacenter.ledger.states import FINISHED


def refuse_used(session: Session, name: str, *, action: str) -> None:
    """Refuse to do `action` to a storage that something still stands on.

    The caller holds the storage's row locked: whoever would put something there holds it, too (`Storages.hold`).
    Raises: StorageInUse, which says what is there and what would have to go first.
    """
    for what, cure, column, condition in _uses(name):
        if session.execute(select(column).where(condition).limit(1)).first() is not None:
            raise StorageInUse(f"storage {name} cannot be {action}: {what}; {cure}")


def _uses(name: str) -> list[tuple[str, str, InstrumentedAttribute[str], ColumnElement[bool]]]:
    payload = Job.payload
    reads = or_(
        payload["storage"].as_string() == name,
        payload[("source", "storage")].as_string() == name,
    )
    writes = payload[(FIELD, "storage")].as_string() == name
    # Of a job that failed and can be retried, a table may be half written: it has to be dropped there one day.
    open_jobs = or_(Job.state.not_in(FINISHED) & or_(reads, writes), Job.checkpoint & writes)
    lies = or_(Dataset.storage == name, Dataset.table_storage == name)
    record = DeletedDataset.record
    lay = or_(record["storage"].as_string() == name, record["table_storage"].as_string() == name)
    lives = Archive.state != ArchiveState.EXPIRED
    swept = "wait until the sweep has removed it"
    return [
        ("datasets lie on it", "delete them first", Dataset.id, lies),
        (
            "files of deleted datasets lie on it",
            "wait until their delete jobs have succeeded",
            DeletedDataset.id,
            lay,
        ),
        ("uploads lie on it", "finish them or let them expire", Upload.id, Upload.storage == name),
        ("archives lie on it", "let them expire", Archive.id, (Archive.storage == name) & lives),
        ("something that is to be swept lies on it", swept, Litter.id, Litter.storage == name),
        ("jobs work with it", "wait for them or cancel them", Job.id, open_jobs),
    ]
