"""`datacenter download`: a dataset or an export as one file here, or the link to it."""

from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from datacenter.cli.connection import connect
from datacenter.cli.display import ago, safe, size
from datacenter.cli.errors import CommandFailed, Interrupted, WrongUse
from datacenter.cli.following import follow
from datacenter.cli.output import JsonOption, console, print_json
from datacenter.cli.progress import Meter, meter
from datacenter.cli.selecting import ExcludeOption, LabelOption, RequireOption, label_filter
from datacenter.client import Client, ClientError, Download, Job, Problem

SAME_COMMAND = "run the same command again to resume"


class Delivery(StrEnum):
    """Built first, or served from the stored files at once."""

    ARCHIVE = "archive"
    STREAM = "stream"


def download(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Argument(metavar="DATASET", help="A dataset's name or id.", show_default=False)
    ] = None,
    export: Annotated[str | None, typer.Option(metavar="ID", help="An export instead of a dataset.")] = None,
    label: LabelOption = None,
    require_label: RequireOption = None,
    exclude_label: ExcludeOption = None,
    archive: Annotated[str | None, typer.Option(help="zip or tar.")] = None,
    delivery: Annotated[
        Delivery, typer.Option(help="archive: built first; stream: sent at once.")
    ] = Delivery.ARCHIVE,
    expires_in: Annotated[int | None, typer.Option(min=1, help="How many seconds the link is valid.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The file to write; default: the archive's name, in this directory."
        ),
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Print the link instead of downloading.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Download a dataset or an export; run the command again to resume a broken transfer.

    Without -o, existing files are never replaced.
    """
    if (dataset is None) == (export is None):
        raise WrongUse(
            "a download needs either DATASET or --export ID", cure="see: datacenter download --help"
        )
    chosen = label_filter(label, require_label, exclude_label)
    if output and not link:
        check_target(output)
    with connect(context) as client, meter(as_json=as_json) as shown:
        if export:
            if not output and not link:
                default_target(client.exports.get(export).filename)
            job = client.downloads.of_export(export, delivery=delivery, expires_in=expires_in)
        else:
            found = client.datasets.find(dataset or "")
            if not output and not link:
                default_target(f"{found.name}.{archive or 'zip'}")
            job = client.downloads.of_dataset(
                found.id,
                delivery=delivery,
                labels=chosen if chosen.body() else None,
                archive=archive,
                expires_in=expires_in,
            )
        job = follow(client, job, shown)
        made = client.downloads.of_job(job)
        if link:
            target, replaced = None, False
        else:
            target = output or default_target(made.filename)
            replaced = target.exists()
            fetch(client, made, target, shown)
    _print_result(made, job, target, as_json, replaced=replaced)


def check_target(target: Path) -> None:
    """Reject a file that cannot be written, before the server does any work."""
    if not target.parent.is_dir():
        raise WrongUse(
            f"{target.parent} is not a directory", cure="give a file in an existing directory with -o"
        )
    if target.is_dir():
        raise WrongUse(f"{target} is a directory", cure="give a file in it with -o")


def default_target(filename: str) -> Path:
    """The default file, in this directory. Raises: WrongUse, if it already exists."""
    target = Path(PurePosixPath(filename).name or "download")
    if target.exists():
        raise WrongUse(
            f"{safe(str(target))} already exists", cure="give another file with -o FILE, or remove this one"
        )
    return target


def fetch(
    client: Client, made: Download, target: Path, shown: Meter, *, how_to_resume: str = SAME_COMMAND
) -> None:
    """Download into a file; `how_to_resume` is the cure if the transfer breaks."""
    if made.url is None:
        raise CommandFailed("the archive is gone", cure="start the download again")
    try:
        client.downloads.fetch(
            made.url, target, on_progress=lambda done, total: shown.transfer("download", done, total)
        )
    except Problem:
        raise
    except (ClientError, OSError) as error:
        raise CommandFailed(
            f"{error}; the bytes that arrived are kept in {target}.part", cure=how_to_resume
        ) from error
    except KeyboardInterrupt:
        raise Interrupted(
            f"the download was interrupted; the bytes that arrived are kept in {target}.part",
            cure=how_to_resume,
        ) from None


def _print_result(made: Download, job: Job, target: Path | None, as_json: bool, *, replaced: bool) -> None:
    if as_json:
        print_json({"download": made, "job": job, "file": str(target) if target else None})
    elif target is None:
        typer.echo(made.url)
        typer.echo(f"valid for {ago(made.expires_at).removeprefix('in ')}", err=True)
    else:
        note = " (replaced)" if replaced else ""
        console().print(
            f"downloaded {target}{note}: {size(target.stat().st_size)}", markup=False, soft_wrap=True
        )
