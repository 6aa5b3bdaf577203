"""`datacenter datasets import`: from an archive on this machine, or from a storage of the server."""

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from datacenter.cli.connection import connect
from datacenter.cli.display import held, labels, safe, size
from datacenter.cli.errors import CommandFailed, Interrupted, WrongUse
from datacenter.cli.following import follow, took
from datacenter.cli.output import JsonOption, console, print_json
from datacenter.cli.progress import Meter, meter
from datacenter.cli.selecting import WaitOption
from datacenter.client import Client, ClientError, OtherFile, Problem
from datacenter.formats.registry import imported_formats


def import_dataset(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new dataset's name.")],
    archive: Annotated[
        Path | None,
        typer.Argument(
            metavar="ARCHIVE", help="A zip, tar, tar.gz or tar.zst on this machine.", show_default=False
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="A storage of the server to import from.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="With --from: an archive there.")] = None,
    prefix: Annotated[
        str | None, typer.Option(help="With --from: all objects in this folder and below.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="With --from: a table, database.table.")] = None,
    query: Annotated[str | None, typer.Option(help="With --from: one SELECT.")] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="The storage for the dataset; default: the server's. For a table, a storage of tables can keep the rows."
        ),
    ] = None,
    label_format: Annotated[
        str | None,
        typer.Option(help=f"The format of the labels: {', '.join(imported_formats())}; default: detected."),
    ] = None,
    name_encoding: Annotated[
        str | None,
        typer.Option(help="The encoding of file names, such as big5; default: UTF-8, or else GB18030."),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(
            help="With --table or --query: the column with the labels; default: label, if it exists."
        ),
    ] = None,
    description: Annotated[str | None, typer.Option(help="A description of the dataset.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; repeat it for several.")] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="UPLOAD", help="Resume a broken upload of ARCHIVE.")
    ] = None,
    wait: WaitOption = True,
    as_json: JsonOption = False,
) -> None:
    """Import a dataset from an archive, a prefix, a table or a query."""
    wanted = {"key": key, "prefix": prefix, "table": table, "query": query}
    chosen = {name: value for name, value in wanted.items() if value is not None}
    if (archive is None) == (source is None) or (source is not None) != (len(chosen) == 1):
        raise WrongUse(
            "an import needs ARCHIVE, or --from STORAGE with one of --key, --prefix, --table, --query",
            cure="see: datacenter datasets import --help",
        )
    with connect(context) as client, meter(as_json=as_json) as shown:
        if source:
            place = {"storage": source, **chosen}
        else:
            file = _checked(archive)
            # The server would reject it too, but only after the whole upload.
            client.datasets.check(
                name,
                storage=storage,
                label_format=label_format,
                name_encoding=name_encoding,
                description=description,
                tags=tag or (),
            )
            place = _uploaded(client, name, file, resume, storage, shown)
        dataset, job = client.datasets.create(
            name,
            place,
            storage=storage,
            label_format=label_format,
            name_encoding=name_encoding,
            label_column=label_column,
            description=description,
            tags=tag or (),
        )
        if wait:
            job = follow(client, job, shown)
            dataset = client.datasets.get(dataset.id)
    if as_json:
        print_json({"dataset": dataset, "job": job})
    elif wait:
        console().print(
            Text.assemble(
                "imported ",
                (safe(dataset.name), "bold"),
                f": {held(dataset.files, dataset.rows)}, {size(dataset.size_bytes)} {took(job)}",
            ),
            soft_wrap=True,
        )
        console().print(
            f"labels: {labels(dataset.labels, most=10)}", style="dim", markup=False, soft_wrap=True
        )
    else:
        console().print(f"import started; watch it with: datacenter jobs watch {job.id}", soft_wrap=True)


def _checked(archive: Path | None) -> Path:
    assert archive is not None, "either an archive or a storage is given"
    if not archive.is_file():
        raise WrongUse(
            f"{archive} is not a file", cure="give an archive, or import from a storage with --from"
        )
    return archive


def _uploaded(
    client: Client, name: str, archive: Path, resume: str | None, storage: str | None, shown: Meter
) -> dict[str, str]:
    upload_id = resume or client.uploads.begin(archive, storage=storage)
    try:
        client.uploads.resume(
            upload_id, archive, on_progress=lambda done, total: shown.transfer("upload", done, total)
        )
    except Problem:
        raise
    except OtherFile as error:
        raise WrongUse(
            str(error), cure="give the file that the upload was started with, or leave out --resume"
        ) from error
    except (ClientError, KeyboardInterrupt) as error:
        kept = ["--storage", storage] if storage else []
        again = shlex.join(
            ["datacenter", "datasets", "import", name, str(archive), *kept, "--resume", upload_id]
        )
        if isinstance(error, ClientError):
            raise CommandFailed(
                f"{error}; the bytes that arrived are kept", cure=f"resume with: {again}"
            ) from error
        raise Interrupted(
            "the upload was interrupted; the bytes that arrived are kept", cure=f"resume with: {again}"
        ) from error
    return {"upload": upload_id}
