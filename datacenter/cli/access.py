"""`datacenter whoami`, `datacenter projects …` and `datacenter audit`: who may do what, and who did what."""

from datetime import datetime
from itertools import islice
from typing import Annotated

import typer

from datacenter.cli.connection import connect
from datacenter.cli.display import ago, moment
from datacenter.cli.errors import WrongUse
from datacenter.cli.output import JsonOption, console, print_json, print_json_list
from datacenter.cli.tables import Column, print_fields, print_table

projects = typer.Typer(
    no_args_is_help=True, help="Create, list and change projects; needs the token of an operator."
)
WeightOption = Annotated[
    int | None, typer.Option(min=1, max=100, help="Its share of the workers while several projects wait.")
]
PROJECTS = (
    Column(title="NAME", flexible=True),
    Column(title="WEIGHT", right=True),
    Column(title="CREATED", right=True),
)
AUDIT = (
    Column(title="TIME"),
    Column(title="WHO", flexible=True),
    Column(title="ACTION"),
    Column(title="OBJECT", flexible=True),
    Column(title="RESULT"),
    Column(title="FROM"),
)


def whoami(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show whose token you use, and what it may do."""
    with connect(context) as client:
        me = client.access.me()
    if as_json:
        print_json(me)
        return
    fields = {
        "Name": me.who,
        "Project": me.project,
        "Role": f"{me.role}, operator" if me.operator else me.role,
        "Expires": moment(me.expires_at) if me.expires_at else "",
    }
    print_fields(console(), fields.items())


@projects.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The project's name.")],
    weight: WeightOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a project, and print the first token of its administrator; it is shown only once."""
    with connect(context) as client:
        made = client.projects.create(name, weight=weight or 1)
    if as_json:
        print_json(made)
        return
    assert made.token is not None
    typer.echo(f"project {made.name} is created; the token of its administrator, shown only now:", err=True)
    typer.echo(made.token.secret)


@projects.command("list")
def list_projects(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show all projects."""
    with connect(context) as client:
        if as_json:
            print_json_list(client.projects.list())
            return
        rows = ((each.name, str(each.weight), ago(each.created_at)) for each in client.projects.list())
        print_table(console(), PROJECTS, rows, empty="no projects")


@projects.command("update")
def update(
    context: typer.Context,
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="Its name or id.")],
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    weight: WeightOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a project's name or weight."""
    if name is None and weight is None:
        raise WrongUse("nothing to change", cure="see: datacenter projects update --help")
    with connect(context) as client:
        changed = client.projects.update(project, name=name, weight=weight)
    if as_json:
        print_json(changed)
    else:
        typer.echo(f"project {changed.name} has the weight {changed.weight}")


def audit(
    context: typer.Context,
    project: Annotated[str | None, typer.Option(help="Only this project; for operators.")] = None,
    who: Annotated[str | None, typer.Option(help="Only this name of a token.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, such as datasets_delete.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only from this time on, in local time.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Maximum number of entries.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show who did what, newest first; needs the role admin, or an operator."""
    from_time = None if since is None else since.astimezone()
    with connect(context) as client:
        entries = islice(client.access.audit(project=project, who=who, action=action, since=from_time), limit)
        if as_json:
            print_json_list(entries)
            return
        rows = (
            (moment(each.at), each.who, each.action, each.object or "", each.result, each.address or "")
            for each in entries
        )
        print_table(console(), AUDIT, rows, empty="no entries")
