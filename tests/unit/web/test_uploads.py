"""Uploads under faults: whatever dies in between, the client continues from the offset of the server."""

import time
from datetime import timedelta

import pytest

from datacenter.datasets.models import Upload
from datacenter.datasets.uploads import records, tus
from datacenter.datasets.uploads.tus import UploadClaim
from datacenter.errors import Conflict, Gone, Locked, NotFound
from jobs.scheduler.sweep import remove_litter

DATA = b"0123456789"


def _begin(web, storage: str = "default", size: int = len(DATA)) -> Upload:
    with web.resources.database.transaction() as session:
        return tus.begin(
            session,
            web.resources,
            project_id=web.project_id,
            filename="a.zip",
            size_bytes=size,
            storage=storage,
        )


def _append(web, upload: Upload, offset: int, data: bytes) -> Upload:
    return tus.append(web.resources, web.project_id, upload.id, offset_bytes=offset, data=data)


def _find(web, upload: Upload) -> Upload:
    with web.resources.database.reading() as session:
        return tus.find(session, web.project_id, upload.id)


def _stored(web, upload: Upload) -> bytes:
    with web.resources.storages.open(upload.storage).fs.open(upload.key, "rb") as file:
        return file.read()


class _Died(Exception):
    """The process ended here."""


def _die(*_: object) -> None:
    raise _Died


@pytest.mark.parametrize("storage", ["default", "lake"])
def test_a_crash_after_the_bytes_are_written_and_before_the_row_moves_is_harmless(
    web, monkeypatch, storage: str
) -> None:
    upload = _begin(web, storage)
    with monkeypatch.context() as patch:
        patch.setattr(tus, "_advance", _die)
        with pytest.raises(_Died):
            _append(web, upload, 0, DATA[:7])
    assert _find(web, upload).offset_bytes == 0
    assert _append(web, upload, 0, DATA).completed
    assert _stored(web, upload) == DATA


@pytest.mark.parametrize("storage", ["default", "lake"])
def test_a_crash_before_or_after_the_completion_is_mended_by_looking(web, monkeypatch, storage: str) -> None:
    for method in ("settle", "mark_complete"):
        upload = _begin(web, storage)
        with monkeypatch.context() as patch:
            patch.setattr(tus, method, _die)
            with pytest.raises(_Died):
                _append(web, upload, 0, DATA)
        left = _find(web, upload)
        assert (left.offset_bytes, left.completed) == (10, False)
        response = web.client.head(f"/api/v1/uploads/{upload.id}", headers={"Tus-Resumable": "1.0.0"})
        assert response.headers["Upload-Offset"] == "10"
        assert _find(web, upload).completed
        assert _stored(web, upload) == DATA


def test_of_two_writers_at_one_offset_one_wins(web, monkeypatch) -> None:
    upload = _begin(web)
    advance = tus._advance

    def after_another(session, *arguments):
        session.query(Upload).filter_by(id=upload.id).update({"offset_bytes": 3})
        return advance(session, *arguments)

    monkeypatch.setattr(tus, "_advance", after_another)
    with pytest.raises(Conflict) as refused:
        _append(web, upload, 0, DATA[:5])
    assert refused.value.field == "Upload-Offset"


class _Meanwhile:
    """A storage that does something just before the first call of a method."""

    def __init__(self, storage, method: str, then) -> None:
        self._storage = storage
        self._method = method
        self._then = then

    def __getattr__(self, name: str):
        if name == self._method:
            then, self._then = self._then, lambda: None
            then()
        return getattr(self._storage, name)


def _before(monkeypatch, web, upload: Upload, method: str, then) -> None:
    storage = _Meanwhile(web.resources.storages.open(upload.storage), method, then)
    monkeypatch.setattr(web.resources.storages, "open", lambda name: storage)


def _while_a_piece_is_written(web, monkeypatch, upload: Upload, then) -> None:
    _before(monkeypatch, web, upload, "upload_part", then)


@pytest.mark.parametrize("storage", ["default", "lake"])
def test_a_refused_piece_writes_nothing_over_the_one_that_is_being_written(
    web, monkeypatch, storage: str
) -> None:
    upload = _begin(web, storage)
    octets = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    refusals = []

    def another() -> None:
        address = f"/api/v1/uploads/{upload.id}"
        refusals.append(web.client.patch(address, headers=octets, content=b"x" * 10))

    _while_a_piece_is_written(web, monkeypatch, upload, another)
    assert _append(web, upload, 0, DATA).completed

    assert [refusal.status_code for refusal in refusals] == [423]
    assert refusals[0].json()["code"] == "LOCKED"
    assert _stored(web, upload) == DATA


def test_the_claim_of_a_writer_that_was_killed_ends_by_itself(web, monkeypatch) -> None:
    upload = _begin(web)
    with monkeypatch.context() as patch:
        patch.setattr(tus, "_write", _die)
        patch.setattr(UploadClaim, "release", lambda *_: None)
        with pytest.raises(_Died):
            _append(web, upload, 0, DATA)
    with pytest.raises(Locked):
        _append(web, upload, 0, DATA)

    with web.resources.database.transaction() as session:
        session.get_one(Upload, upload.id).claimed_until -= tus.CLAIM

    assert _append(web, upload, 0, DATA).completed
    assert _stored(web, upload) == DATA


def test_a_writer_keeps_its_claim_however_slow_the_storage_is(web, monkeypatch) -> None:
    upload = _begin(web)
    monkeypatch.setattr(tus, "CLAIM", timedelta(seconds=0.3))

    def another() -> None:
        until = _find(web, upload).claimed_until
        while _find(web, upload).claimed_until < until + 3 * tus.CLAIM:
            time.sleep(0.02)
        with pytest.raises(Locked):
            _append(web, upload, 0, DATA)

    _while_a_piece_is_written(web, monkeypatch, upload, another)

    assert _append(web, upload, 0, DATA).completed
    assert _find(web, upload).claimed_until is None


def test_an_upload_is_completed_by_one_at_a_time(web, monkeypatch) -> None:
    upload = _begin(web)
    with monkeypatch.context() as patch:
        patch.setattr(tus, "settle", _die)
        with pytest.raises(_Died):
            _append(web, upload, 0, DATA)
    heads = []

    def another(*arguments) -> None:
        head = web.client.head(f"/api/v1/uploads/{upload.id}", headers={"Tus-Resumable": "1.0.0"})
        heads.append(head.status_code)

    _before(monkeypatch, web, upload, "complete_upload", another)
    assert tus.settle(web.resources, _find(web, upload)).completed
    assert heads == [423]
    assert _stored(web, upload) == DATA


@pytest.mark.parametrize("storage", ["default", "lake"])
def test_an_empty_upload_whose_server_died_after_it_was_published_is_completed(
    web, monkeypatch, storage: str
) -> None:
    upload = _begin(web, storage, size=0)
    with monkeypatch.context() as patch:
        patch.setattr(tus, "mark_complete", _die)
        with pytest.raises(_Died):
            tus.settle(web.resources, upload)

    assert tus.settle(web.resources, _find(web, upload)).completed
    assert _stored(web, upload) == b""


def test_a_piece_that_took_longer_than_its_claim_does_not_count(web, monkeypatch) -> None:
    upload = _begin(web)

    def another() -> None:
        with web.resources.database.transaction() as session:
            session.get_one(Upload, upload.id).claimed_until -= tus.CLAIM
        assert _append(web, upload, 0, DATA[:4]).offset_bytes == 4

    with monkeypatch.context() as patch:
        _while_a_piece_is_written(web, patch, upload, another)
        with pytest.raises(Conflict):
            _append(web, upload, 0, DATA[:8])

    assert _append(web, upload, 4, DATA[4:]).completed
    assert _stored(web, upload) == DATA


def test_repeating_the_last_piece_of_a_complete_upload_is_a_conflict(web) -> None:
    upload = _begin(web)
    _append(web, upload, 0, DATA)
    with pytest.raises(Conflict):
        _append(web, upload, 5, DATA[5:])
    assert _stored(web, upload) == DATA


def test_an_expired_upload_is_gone(web) -> None:
    upload = _begin(web)
    with web.resources.database.transaction() as session:
        row = session.get_one(Upload, upload.id)
        row.expires_at = row.created_at
    with pytest.raises(Gone):
        _find(web, upload)
    response = web.client.head(f"/api/v1/uploads/{upload.id}", headers={"Tus-Resumable": "1.0.0"})
    assert response.status_code == 410


@pytest.mark.parametrize("storage", ["default", "lake"])
def test_whatever_crashes_every_byte_at_the_storage_lies_under_a_row(web, monkeypatch, storage: str) -> None:
    upload = _begin(web, storage)
    with monkeypatch.context() as patch:
        patch.setattr(records, "_record_upload_id", _die)
        with pytest.raises(_Died):
            _append(web, upload, 0, DATA)
    assert _append(web, upload, 0, DATA[:5]).offset_bytes == 5
    opened = web.resources.storages.open(storage)
    assert len(list(opened.list_uploads(f"uploads/{upload.id}/"))) == 2  # one of them is what died


def test_of_two_first_pieces_one_begins_the_upload(web, monkeypatch) -> None:
    upload = _begin(web)
    remember = records._record_upload_id

    def after_another(session, upload_id: str, storage_upload_id: str) -> Upload:
        other = web.resources.storages.open("default").begin_upload(upload.key)
        remember(session, upload_id, other)
        return remember(session, upload_id, storage_upload_id)

    monkeypatch.setattr(records, "_record_upload_id", after_another)
    assert _append(web, upload, 0, DATA).completed
    assert _stored(web, upload) == DATA
    assert not list(web.resources.storages.open("default").list_uploads(f"uploads/{upload.id}/"))


def test_a_removed_upload_is_gone_at_once_and_its_bytes_with_the_next_sweep(web) -> None:
    upload = _begin(web)
    _append(web, upload, 0, DATA[:5])
    web.resources.database.run(lambda session: tus.remove(session, web.project_id, upload.id))
    with pytest.raises(NotFound):
        _find(web, upload)
    remove_litter(web.resources)
    assert not list(web.resources.storages.open("default").list_uploads(f"uploads/{upload.id}/"))


def test_a_piece_that_arrives_after_the_removal_is_not_kept(web, monkeypatch) -> None:
    upload = _begin(web)
    advance = tus._advance

    def after_removal(session, *arguments):
        tus.remove(session, web.project_id, upload.id)
        return advance(session, *arguments)

    monkeypatch.setattr(tus, "_advance", after_removal)
    with pytest.raises(NotFound):
        _append(web, upload, 0, DATA)
