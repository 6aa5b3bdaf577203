"""The grace period of a delete: what it keeps can be restored, and afterwards it goes."""

import pytest
from support.jobs.rest_jobs import start_import

from datacenter.client import Problem


def test_a_dataset_can_be_restored_within_its_grace_period(centre, client, small, name):
    made, job = start_import(client, small, name)
    client.jobs.wait(job)

    deletion = client.datasets.delete(made.id, grace_seconds=3600)

    with pytest.raises(Problem) as missing:
        client.datasets.get(made.id)
    assert missing.value.status == 404
    assert [dataset.id for dataset in client.datasets.list(state="DELETING")] == [made.id]
    restored = client.datasets.restore(made.id)
    assert (restored.id, restored.name, restored.state) == (made.id, name, "READY")
    assert client.jobs.wait(deletion).state == "REVOKED"
    assert b"".join(client.datasets.read_file(made.id, "a.txt")) == b"one file"


def test_a_dataset_whose_name_was_taken_meanwhile_is_restored_once_the_name_is_free(client, small, name):
    made, job = start_import(client, small, name)
    client.jobs.wait(job)
    client.datasets.delete(made.id, grace_seconds=3600)
    other, job = start_import(client, small, name)
    client.jobs.wait(job)

    with pytest.raises(Problem) as taken:
        client.datasets.restore(made.id)
    assert taken.value.status == 409
    client.datasets.update(other.id, name=f"{name}-other")

    assert client.datasets.restore(made.id).name == name


def test_after_the_grace_period_the_files_go_and_nothing_can_be_restored(centre, client, small, name):
    made, job = start_import(client, small, name)
    client.jobs.wait(job)

    ended = client.jobs.wait(client.datasets.delete(made.id, grace_seconds=1))

    assert ended.state == "SUCCESS"
    assert not (centre.storage / "datasets" / made.id).exists()
    with pytest.raises(Problem) as missing:
        client.datasets.restore(made.id)
    assert missing.value.status == 404
