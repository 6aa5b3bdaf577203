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

GO_ON = "the same command goes on from there"


class Delivery(StrEnum):
    """Built first, or served from the stored files at once."""

    ARCHIVE = "archive"
    STREAM = "stream"


def download(
    context: typer.Context,
    dataset: Annotated[str | None, typer.Argument(help="A dataset's name or id.", show_default=False)] = None,
    export: Annotated[str | None, typer.Option(metavar="ID", help="An export instead of a dataset.")] = None,
    label: LabelOption = None,
    require_label: RequireOption = None,
    exclude_label: ExcludeOption = None,
    archive: Annotated[str | None, typer.Option(help="zip or tar.")] = None,
    delivery: Annotated[
        Delivery, typer.Option(help="archive: built first; stream: served at once.")
    ] = Delivery.ARCHIVE,
    expires_in: Annotated[
        int | None, typer.Option(min=1, help="How long the link is good, in seconds.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; default: the archive's own name, here.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Print the link instead of fetching it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Download a dataset or an export; the same command again goes on with a broken transfer.

    Without -o no file is ever replaced.
    """
    if (dataset is None) == (export is None):
        raise WrongUse("download what?", cure="name DATASET or --export ID")
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
    _tell(made, job, target, as_json, replaced=replaced)


def check_target(target: Path) -> None:
    """Refuse a file that could not be written, before anything is made for it."""
    if not target.parent.is_dir():
        raise WrongUse(f"{target.parent} is not a directory", cure="name a file in one that is there with -o")
    if target.is_dir():
        raise WrongUse(f"{target} is a directory", cure="name a file in it with -o")


def default_target(filename: str) -> Path:
    """The file here that an archive is downloaded to when none is named. Raises: WrongUse, if there is one already."""
    target = Path(PurePosixPath(filename).name or "download")
    if target.exists():
        raise WrongUse(
            f"{safe(str(target))} is here already", cure="name another file with -o FILE, or remove this one"
        )
    return target


def fetch(client: Client, made: Download, target: Path, shown: Meter, *, go_on: str = GO_ON) -> None:
    """Bring a download's bytes into a file; `go_on` says how, if the transfer breaks."""
    if made.url is None:
        raise CommandFailed("the archive is gone", cure="start the download again")
    try:
        client.downloads.fetch(
            made.url, target, on_progress=lambda done, total: shown.transfer("download", done, total)
        )
    except Problem:
        raise
    except (ClientError, OSError) as error:
        raise CommandFailed(f"{error}; what arrived is kept in {target}.part", cure=go_on) from error
    except KeyboardInterrupt:
        raise Interrupted(
            f"the download was interrupted; what arrived is kept in {target}.part", cure=go_on
        ) from None


def _tell(made: Download, job: Job, target: Path | None, as_json: bool, *, replaced: bool) -> None:
    if as_json:
        print_json({"download": made, "job": job, "file": str(target) if target else None})
    elif target is None:
        typer.echo(made.url)
        typer.echo(f"good for {ago(made.expires_at).removeprefix('in ')}", err=True)
    else:
        note = " (replaced)" if replaced else ""
        console().print(
            f"downloaded {target}{note}: {size(target.stat().st_size)}", markup=False, soft_wrap=True
        )
