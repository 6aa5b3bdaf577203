"""`datacenter datasets …`: list, show, label, delete and restore datasets."""

from itertools import islice
from typing import Annotated

import typer

from datacenter.cli.connection import connect
from datacenter.cli.display import ago, count, label_names, moment, safe, size
from datacenter.cli.errors import WrongUse
from datacenter.cli.following import follow, took
from datacenter.cli.imports import import_dataset
from datacenter.cli.output import JsonOption, can_ask, console, print_json, print_json_list
from datacenter.cli.progress import meter
from datacenter.cli.selecting import DatasetArgument, WaitOption
from datacenter.cli.tables import Column, print_fields, print_table
from datacenter.client import Client, Dataset

app = typer.Typer(no_args_is_help=True, help="Import, list, show, label and delete datasets.")
app.command("import")(import_dataset)
PAGE_FILES = 1000
LIST = (
    Column(title="NAME", flexible=True),
    Column(title="STATE"),
    Column(title="FILES", right=True),
    Column(title="SIZE", right=True),
    Column(title="LABELS", flexible=True),
    Column(title="CREATED", right=True),
)
FILES = (
    Column(title="PATH", flexible=True),
    Column(title="SIZE", right=True),
    Column(title="TYPE"),
    Column(title="LABELS", flexible=True),
)


@app.command("list")
def list_datasets(
    context: typer.Context,
    q: Annotated[str | None, typer.Option("--search", "-q", help="Part of the name.")] = None,
    label: Annotated[str | None, typer.Option(help="Only datasets with this label.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only datasets with this tag.")] = None,
    state: Annotated[str | None, typer.Option(help="IMPORTING, READY, FAILED or DELETING.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show all datasets, newest first."""
    with connect(context) as client:
        found = client.datasets.list(q=q, label=label, tag=tag, state=state)
        if as_json:
            print_json_list(found)
            return
        rows = (
            (d.name, d.state, f"{d.files:,}", size(d.size_bytes), label_names(d.labels), ago(d.created_at))
            for d in found
        )
        print_table(
            console(),
            LIST,
            rows,
            empty="no datasets; import one with: datacenter datasets import NAME ARCHIVE",
        )


@app.command("show")
def show(context: typer.Context, dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Show one dataset with its labels and versions."""
    with connect(context) as client:
        found = client.datasets.find(dataset)
        if as_json:
            print_json(found)
            return
        fields = {
            "Name": found.name,
            "Id": found.id,
            "State": found.state,
            "Kind": found.kind,
            "Storage": found.storage,
            **({} if found.table is None else {"Table": found.table}),
            "Version": str(found.version),
            "Files": f"{found.files:,}",
            **({} if found.rows is None else {"Rows": f"{found.rows:,}"}),
            "Size": f"{size(found.size_bytes)} ({found.size_bytes:,} bytes)",
            "Description": found.description,
            "Tags": ", ".join(found.tags),
            "Created": moment(found.created_at),
            "Updated": moment(found.updated_at),
            **_failure(client, found),
        }
        print_fields(console(), fields.items())
        if found.labels:
            console().print()
            ordered = sorted(found.labels.items(), key=lambda item: (-item[1], item[0]))
            columns = (
                Column(title="LABEL", flexible=True),
                Column(title="FILES" if found.rows is None else "ROWS", right=True),
            )
            print_table(console(), columns, ((label, f"{files:,}") for label, files in ordered), empty="")


def _failure(client: Client, dataset: Dataset) -> dict[str, str]:
    """Why the import failed, if it did, and the job with the details."""
    if dataset.state != "FAILED":
        return {}
    job = next(client.jobs.list(kind="import", dataset=dataset.id), None)
    if job is None or job.error is None:
        return {}
    return {"Error": f"{job.error.code}: {job.error.message}", "Job": job.id}


@app.command("files")
def files(
    context: typer.Context,
    dataset: DatasetArgument,
    label: Annotated[str | None, typer.Option("--label", "-l", help="Only files with this label.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Only paths that begin with this.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="Maximum number of files; default: all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the files of a dataset, by path."""
    with connect(context) as client:
        page = min(limit or PAGE_FILES, PAGE_FILES)
        found = islice(
            client.datasets.files(client.datasets.find(dataset).id, label=label, prefix=prefix, limit=page),
            limit,
        )
        if as_json:
            print_json_list(found)
            return
        rows = ((f.path, size(f.size_bytes), f.media_type, ", ".join(f.labels)) for f in found)
        print_table(console(), FILES, rows, empty="no matching files")


@app.command("label")
def label(
    context: typer.Context,
    dataset: DatasetArgument,
    add: Annotated[list[str] | None, typer.Option(help="A label to add; repeat it for several.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="A label to remove; repeat it for several.")
    ] = None,
    path: Annotated[list[str] | None, typer.Option(help="A file; repeat it for several.")] = None,
    with_label: Annotated[list[str] | None, typer.Option(help="All files that have this label.")] = None,
    prefix: Annotated[str | None, typer.Option(help="All files whose paths begin with this.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add and remove labels of files; this makes a new version."""
    if not (add or remove):
        raise WrongUse("nothing to change", cure="give labels with --add or --remove")
    if sum(bool(part) for part in (path, with_label, prefix is not None)) != 1:
        raise WrongUse(
            "select the files in exactly one way",
            cure="use --path, --with-label or --prefix (--prefix '' selects all files)",
        )
    with connect(context) as client:
        found = client.datasets.find(dataset)
        version = client.datasets.label(
            found.id, paths=path, labels=with_label, prefix=prefix, add=add or (), remove=remove or ()
        )
    if as_json:
        print_json(version)
        return
    console().print(f"{safe(found.name)} is now at version {version.version}", markup=False)


@app.command("delete")
def delete(
    context: typer.Context,
    dataset: DatasetArgument,
    grace_seconds: Annotated[int, typer.Option(min=0, help="How many seconds it can be restored.")] = 0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    wait: WaitOption = True,
    as_json: JsonOption = False,
) -> None:
    """Delete a dataset: it disappears at once, then its files are removed. Scripts need --yes."""
    if not yes and not can_ask(as_json=as_json):
        raise WrongUse(
            "a delete needs confirmation, and there is no terminal to ask", cure="confirm with --yes"
        )
    with connect(context) as client:
        found = client.datasets.find(dataset)
        what = f"{safe(found.name)} ({count(found.files, 'file')}, {size(found.size_bytes)})"
        if not yes:
            typer.confirm(f"Delete {what}?", abort=True)
        with meter(as_json=as_json) as shown:
            job = client.datasets.delete(found.id, grace_seconds=grace_seconds)
            waited = wait and not grace_seconds
            if waited:
                job = follow(client, job, shown)
    if as_json:
        print_json({"job": job})
        return
    if grace_seconds:
        console().print(
            f"deleted {what}; to restore it within {grace_seconds} s: datacenter datasets restore {found.id}",
            markup=False,
            soft_wrap=True,
        )
    elif waited:
        console().print(f"deleted {what} {took(job)}", markup=False, soft_wrap=True)
    else:
        console().print(
            f"deleted {what}; to watch the removal of its files: datacenter jobs watch {job.id}",
            markup=False,
            soft_wrap=True,
        )


@app.command("restore")
def restore(
    context: typer.Context,
    dataset: Annotated[
        str, typer.Argument(metavar="ID", help="The dataset's id, or its name if it is the only one.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Restore a deleted dataset within its grace period."""
    with connect(context) as client:
        deleted = [d for d in client.datasets.list(state="DELETING") if dataset in (d.id, d.name)]
        if len(deleted) > 1:
            raise WrongUse(
                f"{len(deleted)} deleted datasets have this name",
                cure="give the id; to see it: datacenter datasets list --state DELETING",
            )
        found = client.datasets.restore(deleted[0].id if deleted else dataset)
    if as_json:
        print_json(found)
        return
    console().print(
        f"restored {safe(found.name)}: {count(found.files, 'file')}, {size(found.size_bytes)}", markup=False
    )
