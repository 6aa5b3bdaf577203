"""`datacenter tokens …`: create, list and revoke API tokens in the database itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from datacenter.cli.connection import settings_for
from datacenter.cli.display import ago
from datacenter.cli.errors import database_errors
from datacenter.cli.output import JsonOption, console, print_json, print_json_list
from datacenter.cli.tables import Column, print_table

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

app = typer.Typer(
    no_args_is_help=True,
    help="Create, list and revoke API tokens; needs the server's settings (--home or DATACENTER_CONFIG), not a running server.",
)
LIST = (
    Column(title="ID"),
    Column(title="NAME", flexible=True),
    Column(title="PROJECT", flexible=True),
    Column(title="STATE"),
    Column(title="CREATED"),
)


@app.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.")],
    project: Annotated[
        str, typer.Option(help="The project of the token; created if it does not exist.")
    ] = "default",
    as_json: JsonOption = False,
) -> None:
    """Create a token and print it; it is shown only once."""
    from datacenter.access.projects import ensure_project
    from datacenter.access.tokens import create_token

    with _transaction(context) as session:
        token, secret = create_token(session, ensure_project(session, project).id, name)
    if as_json:
        print_json({"id": token.id, "name": name, "project": project, "token": secret})
    else:
        typer.echo(secret)


@app.command("list")
def list_all(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show every token, of all projects, without its secret."""
    from datacenter.access.tokens import list_tokens

    with _transaction(context) as session:
        found = list_tokens(session)
    if as_json:
        print_json_list(
            {
                "id": token.id,
                "name": token.name,
                "project": project,
                "created_at": token.created_at,
                "revoked_at": token.revoked_at,
            }
            for token, project in found
        )
        return
    rows = (
        (token.id, token.name, project, "REVOKED" if token.revoked_at else "VALID", ago(token.created_at))
        for token, project in found
    )
    print_table(console(), LIST, rows, empty="no tokens")


@app.command("revoke")
def revoke(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="The token's id, not its secret.")],
    as_json: JsonOption = False,
) -> None:
    """Revoke a token: the server rejects it from the next request on, and ends its event streams within a minute."""
    from datacenter.access.tokens import revoke as revoke_token

    with _transaction(context) as session:
        token = revoke_token(session, token_id)
    if as_json:
        print_json({"id": token.id, "name": token.name, "revoked_at": token.revoked_at})
    else:
        typer.echo(f"token {token.id} is revoked")


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
