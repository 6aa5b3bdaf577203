"""`datacenter jobs …`: list, show, watch, cancel and retry jobs."""

from itertools import islice
from typing import Annotated

import typer

from datacenter.cli.connection import connect
from datacenter.cli.display import ago, moment, size
from datacenter.cli.following import follow, took
from datacenter.cli.output import JsonOption, console, print_json, print_json_list
from datacenter.cli.progress import meter
from datacenter.cli.tables import Column, print_fields, print_table
from datacenter.client import Job
from datacenter.ledger.states import JobKind, JobState

app = typer.Typer(no_args_is_help=True, help="List, show, watch, cancel and retry jobs.")
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
LIST = (
    Column(title="ID"),
    Column(title="KIND"),
    Column(title="STATE"),
    Column(title="DONE", right=True),
    Column(title="CREATED", right=True),
)


@app.command("list")
def list_jobs(
    context: typer.Context,
    kind: Annotated[str | None, typer.Option(help=f"One of {', '.join(JobKind)}.")] = None,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(JobState)}.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only jobs of this dataset: name or id.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Maximum number of jobs.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show jobs, newest first."""
    with connect(context) as client:
        dataset_id = client.datasets.find(dataset).id if dataset else None
        found = islice(client.jobs.list(kind=kind, state=state, dataset=dataset_id), limit)
        if as_json:
            print_json_list(found)
            return
        rows = ((job.id, job.kind, job.state, _done(job), ago(job.created_at)) for job in found)
        print_table(console(), LIST, rows, empty="no jobs")


@app.command("show")
def show(context: typer.Context, job: JobArgument, as_json: JsonOption = False) -> None:
    """Show one job."""
    with connect(context) as client:
        found = client.jobs.get(job)
    if as_json:
        print_json(found)
        return
    error = found.error
    fields = {
        "Id": found.id,
        "Kind": found.kind,
        "State": found.state,
        "Phase": found.progress.phase or "",
        "Files": _amount(found.progress.files_done, found.progress.files_total),
        "Bytes": _size(found),
        "Attempts": str(found.attempts or ""),
        "Datasets": ", ".join(found.dataset_ids),
        "Project": found.project,
        "By": found.created_by or "",
        "After": ", ".join(found.after),
        "Error": f"{error.code}: {error.message}" if error else "",
        "Entry": error.entry or "" if error else "",
        "Created": moment(found.created_at),
        "Started": moment(found.started_at),
        "Finished": moment(found.finished_at),
        "Cancelled": moment(found.cancel_requested_at),
    }
    print_fields(console(), ((name, value) for name, value in fields.items() if value != "-"))


@app.command("watch")
def watch(context: typer.Context, job: JobArgument, as_json: JsonOption = False) -> None:
    """Watch a job until it ends; exits with 1 if it fails."""
    with connect(context) as client, meter(as_json=as_json) as shown:
        found = follow(client, client.jobs.get(job), shown)
    if as_json:
        print_json(found)
        return
    console().print(f"the {found.kind} is done {took(found)}")


@app.command("cancel")
def cancel(context: typer.Context, job: JobArgument, as_json: JsonOption = False) -> None:
    """Ask a job to stop."""
    with connect(context) as client:
        found = client.jobs.cancel(job)
    if as_json:
        print_json(found)
        return
    console().print(
        f"the {found.kind} will stop; to see its state: datacenter jobs show {found.id}", soft_wrap=True
    )


@app.command("retry")
def retry(
    context: typer.Context,
    job: JobArgument,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the job is done.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a failed or cancelled job again, from its last checkpoint."""
    with connect(context) as client, meter(as_json=as_json) as shown:
        found = client.jobs.retry(job)
        if wait:
            found = follow(client, found, shown)
    if as_json:
        print_json(found)
        return
    console().print(
        f"the {found.kind} is done"
        if wait
        else f"the {found.kind} starts again; watch it with: datacenter jobs watch {found.id}",
        soft_wrap=True,
    )


def _done(job: Job) -> str:
    progress = job.progress
    if job.succeeded:
        return "100 %"
    if job.finished:
        # Its work may be undone by now, so its progress means nothing.
        return "-"
    done, total = (
        (progress.bytes_done, progress.bytes_total)
        if progress.bytes_total
        else (progress.files_done, progress.files_total)
    )
    # Rounded down: what is not finished is never shown as 100 %.
    return f"{min(99, done * 100 // total)} %" if total else "-"


def _amount(done: int, total: int | None) -> str:
    return "" if not (done or total) else f"{done:,}" if total is None else f"{done:,} of {total:,}"


def _size(job: Job) -> str:
    progress = job.progress
    if not (progress.bytes_done or progress.bytes_total):
        return ""
    return (
        size(progress.bytes_done)
        if progress.bytes_total is None
        else f"{size(progress.bytes_done)} of {size(progress.bytes_total)}"
    )
