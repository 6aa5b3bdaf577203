"""`datacenter …`: assembles the commands, and turns every failure into a message and an exit code."""

import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from datacenter.cli import access, configuration, datasets, jobs, storages, tokens
from datacenter.cli.downloads import download
from datacenter.cli.embedded import DEFAULT_HOME
from datacenter.cli.errors import CommandFailed, ExitCode
from datacenter.cli.exports import export
from datacenter.cli.following import JobFailed
from datacenter.cli.health import health
from datacenter.cli.output import print_json
from datacenter.cli.serve import migrate, serve
from datacenter.cli.storage_browse import SourceFailed
from datacenter.cli.up import up
from datacenter.client import ClientError, Problem, ServerUnreachable
from datacenter.errors import DataCentreError, SettingsInvalid

SERVER_ERROR = 500

app = typer.Typer(
    name="datacenter",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("up")(up)
app.command("serve")(serve)
app.command("migrate")(migrate)
app.command("health")(health)
app.add_typer(configuration.app, name="config")
app.add_typer(datasets.app, name="datasets")
app.command("export")(export)
app.command("download")(download)
app.add_typer(jobs.app, name="jobs")
app.add_typer(storages.app, name="storages")
app.command("whoami")(access.whoami)
app.add_typer(tokens.app, name="tokens")
app.add_typer(access.projects, name="projects")
app.command("audit")(access.audit)


def _show_version(asked: bool) -> None:
    if asked:
        try:
            typer.echo(f"datacenter {version('datacenter')}")
        except PackageNotFoundError:
            typer.echo("datacenter, not installed")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path,
        typer.Option(help="The home of the running `datacenter up` to use.", envvar="DATACENTER_HOME"),
    ] = DEFAULT_HOME,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Manage datasets on the company's storages, and the jobs that work on them.

    DATACENTER_URL and DATACENTER_TOKEN select the server; the default is the `datacenter up` on this machine.
    """
    context.obj = home


def main() -> None:
    """The program. Exit codes: 0 done, 1 the job failed, 2 wrong use, 3 server not reachable."""
    try:
        app()
    except (CommandFailed, ClientError, DataCentreError) as error:
        what, cure, code = _explain(error)
        if "--json" in sys.argv:
            _report_json(error)
        _report(what, cure)
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader has closed the output; Python must not flush the rest at its exit.
        sys.stdout = None
        sys.exit(ExitCode.FAILED)


def _explain(error: CommandFailed | ClientError | DataCentreError) -> tuple[str, str, ExitCode]:
    if isinstance(error, SettingsInvalid):
        return error.message(), "", ExitCode.WRONG_USE
    if isinstance(error, CommandFailed):
        return error.what, error.cure, error.exit_code
    if isinstance(error, ServerUnreachable):
        return (
            str(error),
            "check that the server is running and that DATACENTER_URL is right",
            ExitCode.UNREACHABLE,
        )
    if isinstance(error, Problem) and error.storage:
        return (
            f"storage {error.storage} failed ({error.code})",
            f"to see the reason: datacenter storages check {shlex.quote(error.storage)}",
            ExitCode.FAILED,
        )
    if isinstance(error, Problem) and error.status >= SERVER_ERROR:
        return (
            f"the server failed: {error} ({error.code})",
            "try again; the server's log has the details",
            ExitCode.FAILED,
        )
    if isinstance(error, Problem):
        return (
            f"{error} ({error.code})",
            "set DATACENTER_TOKEN to a valid token" if error.status == 401 else "",
            ExitCode.WRONG_USE,
        )
    return str(error), "", ExitCode.WRONG_USE if isinstance(error, DataCentreError) else ExitCode.FAILED


def _report(what: str, cure: str) -> None:
    console = Console(stderr=True, highlight=False)
    console.print(Text.assemble(("error: ", "bold red"), what), soft_wrap=True)
    if cure:
        console.print(Text(cure, style="dim"), soft_wrap=True)


def _report_json(error: CommandFailed | ClientError | DataCentreError) -> None:
    if isinstance(error, JobFailed):
        print_json({"job": error.job})
    else:
        code = (
            error.code
            if isinstance(error, (Problem, DataCentreError, SourceFailed))
            else type(error).__name__
        )
        print_json({"error": {"code": code, "message": str(error)}})


if __name__ == "__main__":
    main()
