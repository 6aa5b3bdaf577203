"""Jobs that are cancelled leave nothing; jobs that failed are retried."""

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from support.jobs.ledger_watch import watching
from support.jobs.rest_jobs import archive_of, eventually, files_under, start_import

from datacenter.client import Problem

pytestmark = pytest.mark.real

FILES = {f"{number % 2}/图-{number}.bin": bytes([number % 251]) * 500 for number in range(600)}
MANY_SHARDS = {"DATACENTER__SHARDS__FILES": "15"}


@pytest.fixture(scope="module")
def centre(start_centre):
    with start_centre(MANY_SHARDS) as started:
        yield started


def test_a_cancelled_import_leaves_nothing_and_its_upload_can_be_imported(centre, client, tmp_path, name):
    upload_id = client.uploads.send(archive_of(FILES, tmp_path / "文件.zip"))
    made, job = client.datasets.create(name, {"upload": upload_id})
    with watching(centre.database) as watch:
        middle = watch.stop_in_the_middle(job.id)
        try:
            client.jobs.cancel(job.id)
        finally:
            os.kill(middle.held.pid, signal.SIGCONT)
        ended = client.jobs.wait(job)

    assert (ended.state, ended.error) == ("REVOKED", None)
    assert ended.progress.files_done < len(FILES)
    assert client.datasets.get(made.id).state == "FAILED"
    assert files_under(centre.storage / "datasets" / made.id) == []
    with pytest.raises(Problem) as finished:
        client.jobs.cancel(job.id)
    assert finished.value.status == 409
    _, again = client.datasets.create(f"{name}-again", {"upload": upload_id})
    assert client.jobs.wait(again).state == "SUCCESS"


def test_a_cancelled_download_leaves_no_archive(centre, client, small, name):
    dataset, job = start_import(client, small, name)
    client.jobs.wait(job)
    archives = centre.storage / "archives"
    before = set(os.listdir(archives)) if archives.exists() else set()
    later = datetime.now(UTC) + timedelta(hours=1)
    job = client.downloads.of_dataset(dataset.id, archive="tar", options={"not_before": later.isoformat()})

    client.jobs.cancel(job.id)

    assert client.jobs.wait(job).state == "REVOKED"
    eventually(
        lambda: all(
            files_under(archives / made) == []
            for made in set(os.listdir(archives) if archives.exists() else ()) - before
        ),
        "something of the archive stays",
    )


def test_a_failed_job_is_retried_and_succeeds_once_its_cause_is_mended(centre, client, small, name):
    made, job = client.datasets.create(name, {"storage": "inbox", "key": f"{name}.zip"})
    failed = client.jobs.wait(job)
    assert (failed.state, client.datasets.get(made.id).state) == ("FAILURE", "FAILED")
    assert failed.error is not None
    assert failed.error.code == "OBJECT_MISSING"

    centre.inbox.mkdir(exist_ok=True)
    (centre.inbox / f"{name}.zip").write_bytes(small.read_bytes())
    client.jobs.retry(job.id)

    assert client.jobs.wait(job).state == "SUCCESS"
    assert client.datasets.get(made.id).state == "READY"
    with pytest.raises(Problem) as over:
        client.jobs.retry(job.id)
    assert over.value.status == 409
