"""What is prepared before the first process starts: settings, schema, project, token, a free port."""

import json
import os
import socket
from pathlib import Path

from datacenter.access.projects import ensure_project
from datacenter.access.tokens import authenticate, create_token, ensure_operator
from datacenter.cli.embedded.home import Home, write_private
from datacenter.cli.errors import WrongUse, database_errors
from datacenter.database.engine import Database
from datacenter.errors import SettingsInvalid, Unauthenticated
from datacenter.migrations import migrate
from datacenter.settings.loading import load_settings
from datacenter.settings.model import CONFIG_VARIABLE, Settings

PROJECT = "default"
EVERYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104 - compared with, never bound


def settings_of(home: Home, port: int | None) -> Settings:
    """The home's settings; also written to the environment, which the other processes inherit."""
    os.environ[CONFIG_VARIABLE] = str(home.config)
    os.environ["DATACENTER__WEB__SECRET_KEY"] = home.secret_key_file.read_text().strip()
    try:
        settings = load_settings()
        if not settings.registration.keys:
            key = home.registration_key_file.read_text().strip()
            os.environ["DATACENTER__REGISTRATION__KEYS"] = json.dumps([key])
        chosen = free_port(settings.web.host, settings.web.port if port is None else port)
        os.environ["DATACENTER__WEB__PORT"] = str(chosen)
        return load_settings()
    except SettingsInvalid as error:
        raise WrongUse(
            f"the settings are not valid: {error}",
            cure=f"correct {home.config} or the DATACENTER__* variables",
        ) from error


def free_port(host: str, port: int) -> int:
    """The port, if it is free; for 0, one that the system picks."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise WrongUse(
                f"port {port} of {host} cannot be used: {error.strerror}", cure="choose another with --port"
            ) from error
        return int(probe.getsockname()[1])


def url_of(settings: Settings) -> str:
    """Where this machine reaches the web layer."""
    host = "127.0.0.1" if settings.web.host in EVERYWHERE else settings.web.host
    return f"http://[{host}]:{settings.web.port}" if ":" in host else f"http://{host}:{settings.web.port}"


def prepare_database(home: Home, settings: Settings) -> str:
    """The schema of this release, the project, and the home's token, which is created again if the database does not know it."""
    with database_errors(settings.database):
        migrate(settings.database)
        return _token(home, Database(settings.database))


def _token(home: Home, database: Database) -> str:
    try:
        with database.transaction() as session:
            known = home.token_file.read_text().strip() if home.token_file.exists() else ""
            try:
                ensure_operator(session, authenticate(session, known))
            except Unauthenticated:
                project = ensure_project(session, PROJECT)
                known = create_token(session, project.id, "datacenter up", operator=True)[1]
        write_private(home.token_file, known + "\n")
        return known
    finally:
        database.close()


def point_at_broker(socket: Path) -> None:
    """Set the address at which the embedded broker really listens, for the processes."""
    os.environ["DATACENTER__BROKER__URL"] = f"redis+socket://{socket}"
