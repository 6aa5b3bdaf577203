"""`datacenter tokens …`: API tokens, by the server that DATACENTER_URL names, else in the database itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from datacenter.access.roles import Role
from datacenter.cli.connection import connect, settings_for
from datacenter.cli.display import ago
from datacenter.cli.errors import WrongUse, database_errors
from datacenter.cli.output import JsonOption, console, print_json, print_json_list
from datacenter.cli.tables import Column, print_table
from datacenter.client import Token

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

app = typer.Typer(
    no_args_is_help=True,
    help="Create, list and revoke API tokens. With DATACENTER_URL by that server, for an administrator of a project. "
    "Otherwise in the database itself, for the operator: it needs the server's settings (--home or DATACENTER_CONFIG), "
    "not a running server.",
)
LIST = (
    Column(title="ID"),
    Column(title="NAME", flexible=True),
    Column(title="PROJECT", flexible=True),
    Column(title="ROLE"),
    Column(title="STATE"),
    Column(title="USED", right=True),
    Column(title="CREATED", right=True),
)
DEFAULT_PROJECT = "default"


@app.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.")],
    role: Annotated[
        Role | None,
        typer.Option(help="viewer, editor or admin. In the database itself the default is admin."),
    ] = None,
    operator: Annotated[
        bool,
        typer.Option("--operator", help="Also an operator of the installation; only operators may give it."),
    ] = False,
    days: Annotated[int | None, typer.Option(min=1, help="It expires after so many days.")] = None,
    project: Annotated[
        str | None,
        typer.Option(
            help="In the database itself: the project of the token, created if it does not exist. [default: default]"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a token and print it; it is shown only once."""
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    if _has_server():
        if project is not None:
            raise WrongUse(
                "--project is only for the database itself; a server creates tokens of your own project"
            )
        if role is None:
            raise WrongUse("choose what the token may do", cure=f"--role {', '.join(Role)}")
        with connect(context) as client:
            made = client.tokens.create(name, role=role, operator=operator, expires_at=expires_at)
    else:
        made = _create_in_database(context, name, role or Role.ADMIN, operator, expires_at, project)
    if as_json:
        print_json(_shown(made) | {"token": made.secret})
    else:
        typer.echo(made.secret)


@app.command("list")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show every token without its secret: of your project, or in the database itself of all projects."""
    if _has_server():
        with connect(context) as client:
            _print(client.tokens.list(), as_json=as_json)
        return
    from datacenter.access.tokens import list_tokens

    with _transaction(context) as session:
        found = [_token(row, project) for row, project in list_tokens(session)]
    _print(iter(found), as_json=as_json)


@app.command("revoke")
def revoke(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="The token's id, not its secret.")],
    as_json: JsonOption = False,
) -> None:
    """Revoke a token: the server rejects it from the next request on, and ends its event streams within a minute."""
    if _has_server():
        with connect(context) as client:
            client.tokens.revoke(token_id)
    else:
        from datacenter.access.tokens import revoke as revoke_token

        with _transaction(context) as session:
            token = revoke_token(session, token_id)
            _record(session, "tokens_revoke", token.id, token.project_id)
    if as_json:
        print_json({"id": token_id})
    else:
        typer.echo(f"token {token_id} is revoked")


def _has_server() -> bool:
    return bool(os.environ.get("DATACENTER_URL"))


def _create_in_database(
    context: typer.Context,
    name: str,
    role: Role,
    operator: bool,
    expires_at: datetime | None,
    project: str | None,
) -> Token:
    from dataclasses import replace

    from datacenter.access.projects import ensure_project
    from datacenter.access.tokens import create_token

    with _transaction(context) as session:
        owner = ensure_project(session, project or DEFAULT_PROJECT)
        row, secret = create_token(
            session, owner.id, name, role=role, operator=operator, expires_at=expires_at
        )
        _record(session, "tokens_create", row.id, owner.id)
        return replace(_token(row, owner.name), secret=secret)


def _record(session: "Session", action: str, token_id: str, project_id: str) -> None:
    """Add a change in the database itself to the audit, under the name of the user of this machine."""
    import getpass

    from datacenter.access.audit import Act, Asker, record

    asker = Asker(who=f"{getpass.getuser()} (database)", project_id=project_id)
    record(session, asker, Act(action=action, object_kind="tokens", object_id=token_id))


def _token(row: object, project: str) -> Token:
    from datacenter.access.models import Token as Row
    from datacenter.access.tokens import role_of

    assert isinstance(row, Row)
    return Token(
        id=row.id,
        name=row.name,
        role=role_of(row),
        project=project,
        operator=bool(row.operator),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _print(tokens: Iterator[Token], *, as_json: bool) -> None:
    if as_json:
        print_json_list(map(_shown, tokens))
        return
    rows = (
        (
            token.id,
            token.name,
            token.project,
            f"{token.role}, operator" if token.operator else token.role,
            _state(token),
            ago(token.last_used_at) if token.last_used_at else "-",
            ago(token.created_at),
        )
        for token in tokens
    )
    print_table(console(), LIST, rows, empty="no tokens")


def _state(token: Token) -> str:
    if token.revoked_at:
        return "REVOKED"
    return "EXPIRED" if token.expires_at and token.expires_at <= datetime.now(UTC) else "VALID"


def _shown(token: Token) -> dict[str, object]:
    """As JSON, without the secret."""
    return {field: value for field, value in vars(token).items() if field != "secret"}


@contextmanager
def _transaction(context: typer.Context) -> Iterator["Session"]:
    # Imported here because no other command pays for loading the database layer.
    from datacenter.database.engine import Database
    from datacenter.migrations import require_schema

    settings = settings_for(context).database
    database = Database(settings)
    try:
        with database_errors(settings):
            require_schema(database)
            with database.transaction() as session:
                yield session
    finally:
        database.close()
