"""`datacenter export`: the files with given labels from several datasets, as one archive."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from datacenter.cli.connection import connect
from datacenter.cli.display import count, labels, size
from datacenter.cli.downloads import check_target, fetch
from datacenter.cli.following import follow, took
from datacenter.cli.output import JsonOption, console, print_json
from datacenter.cli.progress import meter
from datacenter.cli.selecting import ExcludeOption, LabelOption, RequireOption, WaitOption, label_filter
from datacenter.client import Export, Job, LabelFilter, Preview
from datacenter.formats.registry import exported_formats


def export(
    context: typer.Context,
    datasets: Annotated[list[str], typer.Argument(metavar="DATASET", help="Names or ids.")],
    label: LabelOption = None,
    require_label: RequireOption = None,
    exclude_label: ExcludeOption = None,
    label_format: Annotated[
        str | None,
        typer.Option("--format", help=f"How labels are written: {', '.join(exported_formats())}."),
    ] = None,
    table_format: Annotated[
        str | None, typer.Option(help="How tables are written, such as parquet or csv.")
    ] = None,
    archive: Annotated[str | None, typer.Option(help="zip or tar.")] = None,
    compression: Annotated[str | None, typer.Option(help="none or deflate.")] = None,
    storage: Annotated[
        str | None, typer.Option(help="The storage for the archive; default: the server's.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Download it to this file.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what it would contain.")] = False,
    wait: WaitOption = True,
    as_json: JsonOption = False,
) -> None:
    """Export the files with given labels as one archive; an empty selection gives an empty archive."""
    chosen = label_filter(label, require_label, exclude_label)
    if output and not preview:
        check_target(output)
    replaced = False
    with connect(context) as client:
        found = [client.datasets.find(name) for name in datasets]
        ids = [dataset.id for dataset in found]
        if table_format and not as_json and not any(dataset.kind == "table" for dataset in found):
            typer.echo("warning: none of the datasets is a table; --table-format has no effect", err=True)
        if preview:
            held = client.exports.preview(ids, labels=chosen)
            _preview(held, as_json)
            _warn_if_empty(held.files, chosen, as_json)
            return
        with meter(as_json=as_json) as shown:
            made, job = client.exports.create(
                ids,
                labels=chosen,
                label_format=label_format,
                table_format=table_format,
                archive=archive,
                compression=compression,
                storage=storage,
            )
            if wait or output:
                job = follow(client, job, shown)
                made = client.exports.get(made.id)
            if output:
                download = follow(client, client.downloads.of_export(made.id), shown)
                replaced = output.exists()
                again = shlex.join(["datacenter", "download", "--export", made.id, "-o", str(output)])
                link = client.downloads.of_job(download)
                fetch(client, link, output, shown, how_to_resume=f"resume with: {again}")
    if as_json:
        print_json({"export": made, "job": job, "file": str(output) if output else None})
        return
    _print_result(made, job, output, waited=wait, replaced=replaced)
    if job.succeeded:
        _warn_if_empty(made.files, chosen, as_json)


def _preview(found: Preview, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = "" if found.rows is None else f", {count(found.rows, 'row')}"
    console().print(f"{count(found.files, 'file')}{rows}, {size(found.size_bytes)}")
    console().print(f"labels: {labels(found.labels, most=10)}", style="dim", markup=False, soft_wrap=True)


def _warn_if_empty(files: int, chosen: LabelFilter, as_json: bool) -> None:
    if not files and chosen.body() and not as_json:
        typer.echo("warning: no file has these labels", err=True)


def _print_result(made: Export, job: Job, output: Path | None, *, waited: bool, replaced: bool) -> None:
    if output:
        note = " (replaced)" if replaced else ""
        console().print(
            f"exported {count(made.files, 'file')} to {output}{note}: {size(made.size_bytes)} {took(job)}",
            markup=False,
            soft_wrap=True,
        )
    elif waited:
        console().print(
            f"exported {count(made.files, 'file')}, {size(made.size_bytes)} {took(job)}", soft_wrap=True
        )
        console().print(
            f"download it with: datacenter download --export {made.id}", style="dim", soft_wrap=True
        )
    else:
        console().print(f"export started; watch it with: datacenter jobs watch {job.id}", soft_wrap=True)
