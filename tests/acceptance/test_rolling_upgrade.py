"""A newer release's schema under the workers of this one: while it only adds, they go on and new ones may start."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from support.jobs.pods import Pod, environment_of
from support.jobs.rest_jobs import archive_of, start_import

from datacenter.client import LabelFilter
from datacenter.database.engine import Database
from datacenter.migrations import known_revisions
from datacenter.migrations.compatibility import number_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
HEAD = number_of(known_revisions()[-1])
EXPANDED, CONTRACTED = f"{HEAD + 1:04}", f"{HEAD + 2:04}_since_{HEAD + 1:04}"


@pytest.fixture
def database(own_centre) -> Iterator[Database]:
    opened = Database(own_centre.database)
    yield opened
    opened.close()


def expand(database: Database) -> None:
    """What the next release might add: a table, columns, an index."""
    with database.engine.begin() as connection:
        change = Operations(MigrationContext.configure(connection))
        change.create_table("sites", sa.Column("name", sa.String(16), primary_key=True))
        change.add_column("shards", sa.Column("site", sa.String(16), nullable=True))
        change.add_column("jobs", sa.Column("cost", sa.Integer(), nullable=False, server_default="0"))
        change.add_column("datasets", sa.Column("site", sa.String(16), nullable=False, server_default="here"))
        change.create_index("shards_by_site", "shards", ["site"])
    name_schema(database, EXPANDED)


def name_schema(database: Database, revision: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :name"), {"name": revision})


def does_every_kind(centre, folder: Path, name: str) -> None:
    """Import, export, download and delete end well."""
    client, path = centre.client, archive_of({"a/1.txt": "one", "b/2.txt": "two"}, folder / f"{name}.zip")
    dataset, job = start_import(client, path, name)
    jobs = [client.jobs.wait(job)]
    jobs.append(client.jobs.wait(client.exports.create([dataset.id], labels=LabelFilter(any=("a",)))[1]))
    jobs.append(client.jobs.wait(client.downloads.of_dataset(dataset.id)))
    jobs.append(client.jobs.wait(client.datasets.delete(dataset.id)))
    assert [(each.state, each.attempts) for each in jobs] == [("SUCCESS", 0)] * 4


def test_this_release_goes_on_and_starts_anew_on_a_newer_schema_that_only_added(
    own_centre, database, tmp_path
):
    environment = environment_of(own_centre.pid("worker"))
    before = start_import(own_centre.client, archive_of({"1.txt": "x"}, tmp_path / "x.zip"), "before")[1]

    expand(database)

    assert own_centre.client.jobs.wait(before).state == "SUCCESS"
    does_every_kind(own_centre, tmp_path, "by those that ran")
    pod = Pod(environment, tmp_path / "pod.log")
    try:
        pod.until_working()
        pod.send_signal()
        assert pod.exit_code() == 0, pod.output()
    finally:
        pod.kill()
    # A release that is taken back runs its migration, too.
    migrate = [sys.executable, "-m", "datacenter.cli", "migrate"]
    ended = subprocess.run(migrate, env=environment, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, f"the database has schema {EXPANDED}\n"), ended.stderr


def test_a_schema_that_took_away_what_it_needs_lets_no_worker_of_this_release_start(
    own_centre, database, tmp_path
):
    name_schema(database, CONTRACTED)

    pod = Pod(environment_of(own_centre.pid("worker")), tmp_path / "pod.log")
    try:
        assert pod.exit_code() == 2
    finally:
        pod.kill()
    assert f"the schema is {CONTRACTED}, which is too new for this release" in pod.output()
    assert "Traceback" not in pod.output()
