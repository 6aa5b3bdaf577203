"""Downloads of deleted datasets: none is begun, streams end, and built archives last no longer than their links."""

from datetime import datetime, timedelta

import pytest
from support.jobs.manifests import published
from support.jobs.workbench import Workbench

from datacenter.database.engine import now
from datacenter.datasets import deletion
from datacenter.datasets.archives import downloads
from datacenter.datasets.archives.downloads import DownloadRequest
from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.models import Archive, Dataset, Delivery, Download, Export
from datacenter.errors import Gone
from datacenter.ledger.options import JobOptions


@pytest.fixture
def pets(bench: Workbench) -> Dataset:
    return published(bench, {"a": ["cat"], "b": ["dog"]})


def exported(bench: Workbench, *datasets: Dataset) -> Export:
    export, _, _ = bench.export(ExportRequest(datasets=tuple((dataset.id, None) for dataset in datasets)))
    bench.work()
    return export


def download_of(bench: Workbench, export: Export, delivery: Delivery = Delivery.ARCHIVE) -> Download:
    request = DownloadRequest(delivery=delivery, expires_in=timedelta(days=7))
    with bench.database.transaction() as session:
        return downloads.create_for_export(
            session, bench.resources, bench.project_id, export.id, request, JobOptions()
        )[0]


def expiry(bench: Workbench, export: Export) -> datetime:
    with bench.database.reading() as session:
        return session.get_one(Archive, export.archive_id).expires_at


@pytest.mark.parametrize("delivery", list(Delivery))
@pytest.mark.parametrize("grace", [timedelta(0), timedelta(hours=1)])
def test_an_export_of_a_deleted_dataset_gets_no_new_link_and_lasts_no_longer(
    bench: Workbench, pets: Dataset, delivery: Delivery, grace: timedelta
) -> None:
    export = exported(bench, pets, published(bench, {"c": ["cat"]}))
    with bench.database.transaction() as session:
        session.get_one(Archive, export.archive_id).expires_at = now(session) + timedelta(minutes=5)
    before = expiry(bench, export)

    bench.delete(pets.id, grace)
    with pytest.raises(Gone):
        download_of(bench, export, delivery)

    assert expiry(bench, export) == before


def test_a_link_that_was_given_before_works_until_it_expires(bench: Workbench, pets: Dataset) -> None:
    export = exported(bench, pets)
    download = download_of(bench, export)
    bench.work()
    content = bench.read_download(download.id)

    bench.delete(pets.id)
    bench.work()

    assert bench.read_download(download.id) == content
    with bench.database.transaction() as session:
        session.get_one(Download, download.id).expires_at = now(session)
    with pytest.raises(Gone):
        bench.read_download(download.id)


def test_a_stream_of_a_deleted_dataset_is_gone(bench: Workbench, pets: Dataset) -> None:
    download, _ = bench.download(pets.id, Delivery.STREAM)
    bench.work()
    assert bench.read_download(download.id)

    bench.delete(pets.id)

    with pytest.raises(Gone):
        bench.read_download(download.id)


def test_a_dataset_that_was_restored_can_be_downloaded_again(bench: Workbench, pets: Dataset) -> None:
    export = exported(bench, pets)
    bench.delete(pets.id, timedelta(hours=1))
    with bench.database.transaction() as session:
        deletion.restore(session, bench.project_id, pets.id)

    assert download_of(bench, export).archive_id == export.archive_id
