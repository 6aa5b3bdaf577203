"""Dataset records: one name once in a project, an upload for one import, and lists that page."""

import threading

import pytest
from support.jobs.manifests import published
from support.jobs.workbench import Workbench

from datacenter.access.projects import ensure_project
from datacenter.database.engine import new_id
from datacenter.datasets import records
from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.models import Dataset, DatasetState, Upload
from datacenter.datasets.records import NewDataset
from datacenter.errors import Conflict, DatasetNotReady, Invalid, NameTaken, NotFound
from datacenter.ledger.models import Job
from datacenter.ledger.options import JobOptions
from datacenter.ledger.states import JobKind


def create(bench: Workbench, name: str, upload: str | None = None, **fields: object) -> tuple[Dataset, Job]:
    source = {"upload": upload or bench.upload(b"archive")}
    new = NewDataset(name=name, **({"source": source} | fields))  # type: ignore[arg-type]  # checked by the tests
    with bench.database.transaction() as session:
        return records.create(session, bench.resources, bench.project_id, new, JobOptions())


def test_a_new_dataset_is_importing_and_its_upload_belongs_to_the_job(bench: Workbench) -> None:
    upload = bench.upload(b"archive", "数据.zip")

    dataset, job = create(bench, "数据集", upload)

    assert (dataset.state, dataset.version, dataset.storage) == (DatasetState.IMPORTING, 0, "default")
    assert (job.kind, job.state) == (JobKind.IMPORT, "PENDING")
    with bench.database.reading() as session:
        row = session.get_one(Upload, upload)
        assert row.job_id == job.id
        assert job.payload["source"] == {
            "storage": "default",
            "key": row.key,
            "filename": "数据.zip",
            "upload": upload,
        }
        with pytest.raises(DatasetNotReady):
            records.find_version(session, bench.project_id, dataset.id)


def test_a_name_is_given_once_in_a_project(bench: Workbench) -> None:
    create(bench, "taken")
    upload = bench.upload(b"archive")

    with pytest.raises(NameTaken) as caught:
        create(bench, "taken", upload)

    assert caught.value.field == "name"
    create(bench, "free", upload)
    create(bench, "Taken")
    with bench.database.transaction() as session:
        other = ensure_project(session, "another").id
        new = NewDataset(name="taken", source={"storage": "inbox", "key": "a.zip"})
        records.create(session, bench.resources, other, new, JobOptions())


def test_of_many_that_want_one_name_at_once_one_gets_it(bench: Workbench) -> None:
    uploads = [bench.upload(b"archive") for _ in range(6)]
    barrier = threading.Barrier(6)
    outcomes: list[str] = []

    def ask(upload: str) -> None:
        barrier.wait()
        try:
            create(bench, "wanted", upload)
            outcomes.append("made")
        except NameTaken:
            outcomes.append("taken")

    threads = [threading.Thread(target=ask, args=(upload,)) for upload in uploads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["made"] + ["taken"] * 5
    with bench.database.reading() as session:
        owned = [session.get_one(Upload, upload).job_id for upload in uploads]
    assert len([job_id for job_id in owned if job_id]) == 1, "a refused import leaves the upload free"


def test_an_upload_is_imported_once(bench: Workbench) -> None:
    upload = bench.upload(b"archive")
    create(bench, "first", upload)

    with pytest.raises(Conflict):
        create(bench, "second", upload)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"source": {"upload": "nowhere"}}, NotFound),
        ({"storage": "elsewhere"}, Invalid),
        ({"label_format": "yolo"}, Invalid),
        ({"name_encoding": "rot13"}, Invalid),
        ({"name_encoding": "utf-16"}, Invalid),
        ({"name_encoding": "no\0encoding"}, Invalid),
        ({"source": {"storage": "default", "prefix": "a/"}}, Invalid),
        ({"source": {"storage": "elsewhere", "key": "a.zip"}}, Invalid),
    ],
)
def test_what_cannot_be_imported_is_refused_and_nothing_is_made(
    bench: Workbench, fields: dict[str, object], refusal: type[Exception]
) -> None:
    name = f"refused-{new_id()}"

    with pytest.raises(refusal):
        create(bench, name, **fields)

    with bench.database.reading() as session:
        assert records.list_datasets(session, bench.project_id, q=name, limit=1) == []


@pytest.mark.parametrize("storage", ["inbox", "shared"])
@pytest.mark.parametrize(
    "key",
    [
        "uploads/0190/archive",
        "archives/0190/archive",
        "datasets/0190/objects/000001/0.png",
        "Uploads/0190/archive",
        "uploads./0190/archive",
        "uploads\\0190\\archive",
        "\uff55ploads/0190/archive",
        ".datacenter/uploads/0190/data",
        "./uploads/0190/archive",
        "a/../uploads/0190/archive",
        "/uploads/0190/archive",
        "",
    ],
)
def test_the_data_of_other_projects_cannot_be_imported_by_its_key(
    bench: Workbench, storage: str, key: str
) -> None:
    with pytest.raises(Invalid) as caught:
        create(bench, f"stolen-{new_id()}", source={"storage": storage, "key": key})

    assert caught.value.field == "source.key"


def test_an_archive_is_imported_by_key_from_a_source_only(bench: Workbench) -> None:
    other = bench.upload(b"of another project")
    for key in (f"uploads/{other}/archive", "a.zip"):
        with pytest.raises(Invalid) as caught:
            create(bench, f"stolen-{new_id()}", source={"storage": "default", "key": key})
        assert caught.value.field == "source.storage"

    for storage in ("inbox", "shared"):
        _, job = create(bench, f"{storage}-import", source={"storage": storage, "key": "in/a.zip"})
        assert job.payload["source"] == {"storage": storage, "key": "in/a.zip", "filename": "a.zip"}


@pytest.mark.parametrize("storage", ["inbox", "shared"])
@pytest.mark.parametrize(
    "prefix",
    ["uploads", "uploads/", "datasets/0190/objects/", "Archives/", "uploads.", "uploads\\0190/", ".datacenter/",
     "./a/", "a/../uploads/", "a//", "/", "/etc/", "a\0b", "x" * 256],
)  # fmt: skip
def test_a_prefix_that_cannot_be_imported_is_refused_by_its_name(
    bench: Workbench, storage: str, prefix: str
) -> None:
    with pytest.raises(Invalid) as caught:
        create(bench, f"stolen-{new_id()}", source={"storage": storage, "prefix": prefix})

    assert caught.value.field == "source.prefix"
    assert caught.value.detail.startswith("source.prefix: ")


@pytest.mark.parametrize(
    ("prefix", "folder"), [("", ""), ("in", "in/"), ("in/", "in/"), ("uploads-2/图", "uploads-2/图/")]
)
def test_a_prefix_is_a_folder_of_a_source(bench: Workbench, prefix: str, folder: str) -> None:
    for storage in ("inbox", "shared"):
        _, job = create(bench, new_id(), source={"storage": storage, "prefix": prefix})
        assert job.payload["source"] == {"storage": storage, "prefix": folder}

    with pytest.raises(Invalid) as caught:
        create(bench, new_id(), source={"storage": "default", "prefix": prefix})
    assert caught.value.field == "source.storage"


def test_what_is_made_is_not_kept_on_a_source(bench: Workbench) -> None:
    dataset = published(bench, {"a": []})
    with pytest.raises(Invalid) as caught:
        create(bench, "on-a-source", storage="inbox")
    assert caught.value.field == "storage"

    with pytest.raises(Invalid):
        bench.export(ExportRequest(datasets=((dataset.id, None),), storage="inbox"))


def test_datasets_are_found_by_name_label_tag_and_state(bench: Workbench) -> None:
    one = published(bench, {"a": ["zebra"]}, "Zoo_100%")
    two = published(bench, {"a": ["zebra"]}, "zoo-200")
    with bench.database.transaction() as session:
        records.update(session, bench.project_id, one.id, tags=("stripes",))

    def ids(**filters: object) -> list[str]:
        with bench.database.reading() as session:
            found = records.list_datasets(session, bench.project_id, **{"limit": 10, **filters})  # type: ignore[arg-type]  # checked here
        return [dataset.id for dataset in found]

    assert ids(q="zoo") == [two.id, one.id]
    assert ids(q="_100%") == [one.id]
    assert ids(label="zebra") == [two.id, one.id]
    assert ids(label="zebra", limit=1) == [two.id]
    assert ids(label="zebra", after_id=two.id) == [one.id]
    assert ids(tag="stripes") == [one.id]
    assert ids(tag="stripes", state=DatasetState.IMPORTING) == []
    assert ids(q="zoo", state=DatasetState.READY) == [two.id, one.id]


def test_a_dataset_of_another_project_is_not_found(bench: Workbench) -> None:
    dataset = published(bench, {})

    with bench.database.transaction() as session:
        for call in (
            lambda: records.find(session, "other", dataset.id),
            lambda: records.update(session, "other", dataset.id, name="mine"),
            lambda: records.list_versions(session, "other", dataset.id, limit=1),
            lambda: records.find_version(session, "other", dataset.id),
        ):
            with pytest.raises(NotFound):
                call()


def test_what_people_wrote_is_changed_field_by_field(bench: Workbench) -> None:
    dataset, other = published(bench, {}), published(bench, {})
    with bench.database.transaction() as session:
        records.update(session, bench.project_id, dataset.id, description="pictures")
        records.update(session, bench.project_id, dataset.id, tags=("a", "b"))

    found = bench.dataset(dataset.id)
    assert (found.name, found.description, found.tags) == (dataset.name, "pictures", ["a", "b"])
    assert found.updated_at > dataset.updated_at
    with pytest.raises(NameTaken), bench.database.transaction() as session:
        records.update(session, bench.project_id, dataset.id, name=other.name)
    assert bench.dataset(dataset.id).name == dataset.name
