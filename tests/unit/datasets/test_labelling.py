"""Labelling: a new version for each change, and nothing is lost when several clients label at once."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from support.jobs.manifests import published
from support.jobs.workbench import Workbench

from datacenter.database.engine import now
from datacenter.datasets import files, labelling
from datacenter.datasets.labelling import FileSelection
from datacenter.datasets.models import Dataset, DatasetVersion, Litter
from datacenter.datasets.records import find_version, labels_of
from datacenter.errors import DatasetNotReady, Invalid, NotFound, VersionConflict
from datacenter.settings.model import LimitSettings
from jobs.scheduler.sweep import remove_litter, sweep_once

FILES = {"a/1": ["cat"], "a/2": ["cat", "dog"], "b/1": [], "b/2": ["猫"]}


def relabel(
    bench: Workbench,
    dataset: Dataset,
    select: FileSelection,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
) -> DatasetVersion:
    return labelling.relabel(
        bench.resources,
        bench.project_id,
        dataset.id,
        select=select,
        add=tuple(add),
        remove=tuple(remove),
        also=lambda *_: None,
    )


def labels(bench: Workbench, dataset: Dataset, version: int | None = None) -> dict[str, list[str]]:
    with bench.database.reading() as session:
        found = find_version(session, bench.project_id, dataset.id, version)
    return {
        entry.path: entry.labels for entry in files.list_files(bench.resources, *found, limit=1000).entries
    }


def counts(bench: Workbench, dataset: Dataset) -> dict[str, int]:
    with bench.database.reading() as session:
        return labels_of(session, [dataset.id])[dataset.id]


def manifests(bench: Workbench, dataset: Dataset) -> list[str]:
    return bench.objects(f"{dataset.prefix}manifests/")


def test_a_change_makes_a_new_version_and_keeps_the_old_one(bench: Workbench) -> None:
    dataset = published(bench, FILES)

    version = relabel(bench, dataset, FileSelection(prefix="a/"), add=["new"], remove=["cat"])

    assert version.version == 2
    assert labels(bench, dataset) == {"a/1": ["new"], "a/2": ["dog", "new"], "b/1": [], "b/2": ["猫"]}
    assert labels(bench, dataset, 1) == FILES
    assert counts(bench, dataset) == {"dog": 1, "new": 2, "猫": 1}
    assert bench.dataset(dataset.id).version == 2


def test_every_given_condition_must_fit(bench: Workbench) -> None:
    dataset = published(bench, FILES)

    relabel(
        bench,
        dataset,
        FileSelection(paths=("a/1", "a/2", "b/2"), labels=("cat", "猫"), prefix="a"),
        add=["x"],
    )

    assert {path for path, each in labels(bench, dataset).items() if "x" in each} == {"a/1", "a/2"}


def test_a_label_is_given_once(bench: Workbench) -> None:
    dataset = published(bench, FILES)

    relabel(bench, dataset, FileSelection(prefix="a"), add=["cat", "x", "x"])

    assert labels(bench, dataset)["a/1"] == ["cat", "x"]
    assert counts(bench, dataset)["cat"] == 2


def test_what_is_removed_and_added_is_there(bench: Workbench) -> None:
    dataset = published(bench, FILES)

    relabel(bench, dataset, FileSelection(prefix="a"), add=["cat"], remove=["cat"])

    assert labels(bench, dataset)["a/2"] == ["dog", "cat"]


SETS = st.lists(st.sampled_from(["cat", "dog", "猫"]), max_size=2, unique=True)


@settings(max_examples=15)
@given(SETS, SETS, st.none() | SETS, st.sampled_from([None, "a", "b/", "zzz"]))
def test_counts_are_those_of_the_files(
    bench: Workbench, add: list[str], remove: list[str], having: list[str] | None, prefix: str | None
) -> None:
    dataset = published(bench, FILES)
    relabel(
        bench, dataset, FileSelection(labels=tuple(having) if having else None, prefix=prefix), add, remove
    )

    now = labels(bench, dataset)
    for path, before in FILES.items():
        chosen = (not having or set(having) & set(before)) and (not prefix or path.startswith(prefix))
        expected = (set(before) - set(remove)) | set(add) if chosen else set(before)
        assert set(now[path]) == expected
    assert counts(bench, dataset) == Counter(label for each in now.values() for label in each)


def test_a_path_that_is_not_there_is_refused_and_nothing_is_left(bench: Workbench) -> None:
    dataset = published(bench, FILES)

    with pytest.raises(Invalid) as caught:
        relabel(bench, dataset, FileSelection(paths=("a/1", "nowhere")), add=["x"])

    assert caught.value.field == "select.paths"
    assert "nowhere" in caught.value.detail
    assert len(manifests(bench, dataset)) == 1
    assert bench.dataset(dataset.id).version == 1


def test_too_many_labels_are_refused(bench: Workbench) -> None:
    dataset = published(bench, FILES)
    limited = bench.resources.settings.model_copy(update={"limits": LimitSettings(labels=3)})

    from dataclasses import replace

    with pytest.raises(Invalid):
        labelling.relabel(
            replace(bench.resources, settings=limited),
            bench.project_id,
            dataset.id,
            select=FileSelection(prefix="a"),
            add=("one", "two"),
            remove=(),
            also=lambda *_: None,
        )


def test_a_dataset_that_is_not_there_or_not_ready_is_refused(bench: Workbench) -> None:
    dataset, _ = bench.submit_import(b"not yet", "waiting")

    with pytest.raises(DatasetNotReady):
        relabel(bench, dataset, FileSelection(prefix=""), add=["x"])
    dataset.id = "nowhere"
    with pytest.raises(NotFound):
        relabel(bench, dataset, FileSelection(prefix=""), add=["x"])


def test_several_people_at_once_all_get_their_change(bench: Workbench) -> None:
    dataset = published(bench, FILES)
    barrier = threading.Barrier(3)
    faults: list[Exception] = []

    def label(name: str) -> None:
        barrier.wait()
        try:
            relabel(bench, dataset, FileSelection(prefix="b"), add=[name])
        except Exception as error:  # noqa: BLE001 - reported by the main thread
            faults.append(error)

    threads = [threading.Thread(target=label, args=(name,)) for name in ("x", "y", "z")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert set(labels(bench, dataset)["b/1"]) == {"x", "y", "z"}
    assert bench.dataset(dataset.id).version == 4
    assert len(manifests(bench, dataset)) == 4, "manifests of attempts that were too late are gone"
    assert counts(bench, dataset) == {"cat": 2, "dog": 1, "x": 2, "y": 2, "z": 2, "猫": 1}


def test_whoever_is_always_too_late_is_told(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = published(bench, FILES)
    monkeypatch.setattr(labelling, "_publish", lambda *_: None)

    with pytest.raises(VersionConflict):
        relabel(bench, dataset, FileSelection(prefix="a"), add=["x"])

    assert len(manifests(bench, dataset)) == 1


def test_a_commit_whose_answer_is_lost_does_not_cost_the_version_its_manifest(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = published(bench, FILES)
    run = bench.database.run

    def lose_the_answer(work: object) -> None:
        run(work)  # type: ignore[arg-type]  # handed on as it came
        raise OperationalError("COMMIT", {}, ConnectionError("gone"))

    monkeypatch.setattr(bench.database, "run", lose_the_answer)
    with pytest.raises(OperationalError):
        relabel(bench, dataset, FileSelection(prefix="a"), add=["x"])
    monkeypatch.undo()

    assert labels(bench, dataset)["a/1"] == ["cat", "x"]


def test_what_is_committed_with_it_can_refuse_the_whole(bench: Workbench) -> None:
    dataset = published(bench, FILES)

    def refuse(_: Session, version: DatasetVersion) -> None:
        raise Invalid(f"version {version.version} is not wanted")

    with pytest.raises(Invalid):
        labelling.relabel(
            bench.resources,
            bench.project_id,
            dataset.id,
            select=FileSelection(prefix="a"),
            add=("x",),
            remove=(),
            also=refuse,
        )

    assert labels(bench, dataset) == FILES
    assert len(manifests(bench, dataset)) == 1


KILLED = """
import os, signal, sys
from pathlib import Path

from support.jobs.workbench import Workbench

from datacenter.datasets import labelling

labelling._publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
bench = Workbench(Path(sys.argv[1]))
every = labelling.FileSelection(prefix="")
labelling.relabel(
    bench.resources, bench.project_id, sys.argv[2], select=every, add=("x",), remove=(), also=lambda *_: None
)
"""


def pass_an_hour(bench: Workbench) -> None:
    """Make drafts due, and run the sweep."""
    with bench.database.transaction() as session:
        session.execute(update(Litter).values(due_at=now(session)))
    sweep_once(bench.resources)
    remove_litter(bench.resources)


def test_a_manifest_whose_writer_was_killed_before_it_was_published_is_swept(bench: Workbench) -> None:
    dataset = published(bench, FILES)
    before = manifests(bench, dataset)
    command = [sys.executable, "-c", KILLED, str(bench.home), dataset.id]
    path = os.pathsep.join(each for each in sys.path if each)

    killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert len(manifests(bench, dataset)) == 2
    sweep_once(bench.resources)
    remove_litter(bench.resources)
    assert len(manifests(bench, dataset)) == 2, "its writer may still be at work"
    pass_an_hour(bench)
    assert manifests(bench, dataset) == before
    assert labels(bench, dataset) == FILES


def test_a_manifest_that_was_published_is_never_swept(bench: Workbench) -> None:
    dataset = published(bench, FILES)
    relabel(bench, dataset, FileSelection(prefix="a"), add=["x"])

    pass_an_hour(bench)

    assert labels(bench, dataset)["a/1"] == ["cat", "x"]
    assert len(manifests(bench, dataset)) == 2


def test_a_manifest_that_may_be_swept_just_now_is_not_published(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = published(bench, FILES)
    monkeypatch.setattr(labelling, "LIFETIME", labelling.MARGIN)

    with pytest.raises(VersionConflict):
        relabel(bench, dataset, FileSelection(prefix="a"), add=["x"])

    assert bench.dataset(dataset.id).version == 1
    assert len(manifests(bench, dataset)) == 1


@pytest.mark.parametrize(
    "select",
    [
        FileSelection(prefix="zzz"),
        FileSelection(labels=("nobody has it",)),
        FileSelection(paths=()),
        FileSelection(paths=("b/1",), labels=("cat",)),
    ],
)
def test_where_no_file_is_selected_no_version_is_made(bench: Workbench, select: FileSelection) -> None:
    dataset = published(bench, FILES)
    heard: list[int] = []

    version = labelling.relabel(
        bench.resources,
        bench.project_id,
        dataset.id,
        select=select,
        add=("x",),
        remove=(),
        also=lambda _, found: heard.append(found.version),
    )

    assert (version.version, heard) == (1, [1])
    assert bench.dataset(dataset.id).version == 1
    assert len(manifests(bench, dataset)) == 1
    assert labels(bench, dataset) == FILES
