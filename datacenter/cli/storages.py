"""`datacenter storages …`: register, show, check, change and remove storages."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated

import typer

from datacenter.cli.connection import connect, settings_for
from datacenter.cli.display import count
from datacenter.cli.errors import CommandFailed, ExitCode, WrongUse, database_errors
from datacenter.cli.output import JsonOption, can_ask, console, print_json, print_json_list
from datacenter.cli.storage_browse import browse
from datacenter.cli.storage_options import OptionArguments, SecretOptionArguments, read_options
from datacenter.cli.tables import Column, print_fields, print_table
from datacenter.client import Client, Health, Problem, Storage
from storage_adapters.registry import kinds

app = typer.Typer(no_args_is_help=True, help="Register, list, check, browse and change storages.")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The storage's name.")]
LIST = (
    Column(title="NAME"),
    Column(title="KIND"),
    Column(title="ROLE"),
    Column(title="OWNER"),
    Column(title="URL", flexible=True, wraps=True),
)
SharedOption = Annotated[bool, typer.Option("--shared", help="Shared with all projects; for operators.")]
ProjectOption = Annotated[
    list[str] | None,
    typer.Option("--project", help="Shared with this project alone; repeat for more; for operators."),
]
WHERE = ("endpoint", "namenodes", "region")
"""Options that say where the bucket or the nameservice of a URL is; the first one that is set counts."""
AT_ONCE = 8
"""Simultaneous checks; each can take the server 20 seconds."""
CHECKED = (Column(title="NAME"), Column(title="OK"), Column(title="DETAIL", flexible=True, wraps=True))


@app.command("add")
def add(
    context: typer.Context,
    name: NameArgument,
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(kinds())}.")],
    url: Annotated[str, typer.Option(help="Its URL, without a password, such as nas:///mnt/inbox.")],
    role: Annotated[str | None, typer.Option(help="platform, source or both.")] = None,
    option: OptionArguments = None,
    secret_option: SecretOptionArguments = None,
    shared: SharedOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a storage of your project; an operator may share it with all or some."""
    chosen = role or _choose_role(as_json=as_json)
    options = read_options(option or (), secret_option or ())
    with connect(context) as client:
        storage = client.storages.add(
            name, kind=kind, url=url, role=chosen, options=options, shared=shared, projects=project
        )
    if as_json:
        print_json(storage)
    else:
        typer.echo(
            f"storage {storage.name} is registered; check it with: datacenter storages check {storage.name}"
        )


def _choose_role(*, as_json: bool) -> str:
    """Ask a person, and say what was chosen otherwise: a platform keeps datasets, which is not what every place is for."""
    if can_ask(as_json=as_json):
        answer: str = typer.prompt(
            "Role: platform keeps datasets, source is imported from, both", default="platform"
        )
        return answer
    typer.echo("the role is platform; choose another with --role", err=True)
    return "platform"


@app.command("list")
def list_storages(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show the registered storages."""
    with connect(context) as client:
        if as_json:
            print_json_list(client.storages.list())
            return
        rows = (
            (s.name, s.kind, s.role, "shared" if s.shared else "own", _place(s))
            for s in client.storages.list()
        )
        print_table(console(), LIST, rows, empty="no storages")


def _place(storage: Storage) -> str:
    """`ceph://bucket at host:port`, or the URL alone where it names the server itself."""
    where = next((str(storage.options[option]) for option in WHERE if storage.options.get(option)), "")
    return f"{storage.url} at {where.rpartition('://')[2].rstrip('/')}" if where else storage.url


@app.command("show")
def show(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Show one storage with its options; secrets are shown as ***."""
    with connect(context) as client:
        found = client.storages.get(name)
    if as_json:
        print_json(found)
        return
    fields = {
        "Name": found.name,
        "Kind": found.kind,
        "Role": found.role,
        "State": found.state,
        "URL": found.url,
        "Owner": _owner(found),
        "By": found.created_by or "",
        "Options": ", ".join(f"{option}={value}" for option, value in sorted(found.options.items())),
    }
    print_fields(console(), fields.items())


def _owner(storage: Storage) -> str:
    if not storage.shared:
        return "your project"
    return (
        "shared with all"
        if storage.projects is None
        else f"shared with {', '.join(storage.projects) or 'none'}"
    )


@app.command("check")
def check(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Default: all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check storages and print what is wrong; exits with 1 if one is not ok."""
    with connect(context) as client:
        wanted = names or [storage.name for storage in client.storages.list()]
        with (
            console().status(f"checking {count(len(wanted), 'storage')}"),
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            check_one = partial(_check, client) if len(wanted) > 1 else client.storages.check
            found = list(zip(wanted, pool.map(check_one, wanted), strict=True))
    if as_json:
        print_json_list({"name": name, "ok": health.ok, "detail": health.detail} for name, health in found)
    else:
        rows = ((name, "yes" if health.ok else "NO", health.detail) for name, health in found)
        print_table(console(), CHECKED, rows, empty="no storages")
    if not all(health.ok for _, health in found):
        raise typer.Exit(ExitCode.FAILED)


def _check(client: Client, name: str) -> Health:
    """The health of one storage; an unknown name is a result too, beside the others."""
    try:
        return client.storages.check(name)
    except Problem as problem:
        if problem.code != "NOT_FOUND":
            raise
        return Health(ok=False, detail=str(problem))


app.command("browse")(browse)


@app.command("update")
def update(
    context: typer.Context,
    name: NameArgument,
    url: Annotated[str | None, typer.Option(help="A new URL; all secrets must be given again.")] = None,
    role: Annotated[str | None, typer.Option(help="platform, source or both.")] = None,
    option: OptionArguments = None,
    secret_option: SecretOptionArguments = None,
    remove_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="An option to remove; repeat for more.")
    ] = None,
    shared: SharedOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a storage; options and secrets that are not given stay as they are."""
    changed = read_options(option or (), secret_option or ())
    removed = set(remove_option or ())
    if not (url or role or changed or removed or shared or project):
        raise WrongUse("nothing to change", cure="see: datacenter storages update --help")
    with connect(context) as client:
        options = None
        if changed or removed:
            before = client.storages.get(name).options
            if unknown := sorted(removed - before.keys()):
                raise WrongUse(
                    f"{name} has no option {unknown[0]}", cure=f"see: datacenter storages show {name}"
                )
            options = {key: value for key, value in (before | changed).items() if key not in removed}
        storage = client.storages.update(
            name, role=role, url=url, options=options, shared=shared, projects=project
        )
    if as_json:
        print_json(storage)
    else:
        typer.echo(
            f"storage {storage.name} is changed; check it with: datacenter storages check {storage.name}"
        )


@app.command("remove")
def remove(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Remove the registration of a storage; its content stays."""
    with connect(context) as client:
        client.storages.remove(name)
    if as_json:
        print_json({"name": name})
    else:
        typer.echo(f"storage {name} is removed; its content stays")


@app.command("rotate")
def rotate(context: typer.Context, as_json: JsonOption = False) -> None:
    """Encrypt all secrets with the first of registration.keys; then the other keys can be removed.

    Needs the server's settings (--home or DATACENTER_CONFIG), not a running server.
    """
    # Imported here because no other command pays for loading the database layer.
    from datacenter.datasets.resources import open_resources
    from datacenter.datasets.storages.registration import rotate as rotate_secrets
    from datacenter.migrations import require_schema
    from storage_adapters.errors import ConfigurationInvalid

    settings = settings_for(context)
    resources = open_resources(settings)
    try:
        with database_errors(settings.database):
            require_schema(resources.database)
            encrypted = resources.database.run(lambda session: rotate_secrets(session, resources))
    except ConfigurationInvalid as error:
        raise CommandFailed(error.detail, cure="nothing was changed") from error
    finally:
        resources.close()
    if as_json:
        print_json({"storages": encrypted})
    else:
        typer.echo(f"the secrets of {count(encrypted, 'storage')} are encrypted with the first key")
