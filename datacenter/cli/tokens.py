"""`datacenter tokens …`: the first token of an installation, made in the database itself."""

from typing import Annotated

import typer

from datacenter.cli.output import JsonOption, print_json

app = typer.Typer(no_args_is_help=True, help="API tokens.")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    project: Annotated[str, typer.Option(help="The project it acts for; made if there is none.")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Make a token; it is shown this once. Needs the server's settings (DATACENTER_CONFIG), not a server."""
    # Imported here because no other command pays for loading the database layer.
    from datacenter.access.tokens import create_token, ensure_project
    from datacenter.cli.databases import told_in_words
    from datacenter.database import Database
    from datacenter.migrations import require_schema
    from datacenter.settings import load_settings

    settings = load_settings().database
    database = Database(settings)
    try:
        with told_in_words(settings):
            require_schema(database)
            with database.transaction() as session:
                token, secret = create_token(session, ensure_project(session, project).id, name)
    finally:
        database.close()
    if as_json:
        print_json({"id": token.id, "name": name, "project": project, "token": secret})
    else:
        typer.echo(secret)
