"""Commands that work on the database itself: which it is, and its refusals told in words."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from sqlalchemy.exc import SQLAlchemyError

from datacenter.cli.embedded.home import Home
from datacenter.cli.errors import WrongUse
from datacenter.database.diagnosis import trouble_of
from datacenter.settings.loading import load_settings
from datacenter.settings.model import CONFIG_VARIABLE, DatabaseSettings, Settings

URL_VARIABLE = "DATACENTER__DATABASE__URL"


def settings_for(context: typer.Context) -> Settings:
    """The settings of the home that --home names; without it those of the environment, else of the usual home.

    Raises: WrongUse, SettingsInvalid.
    """
    home = Home.at(context.obj)
    source = context.find_root().get_parameter_source("home")
    if source is not None and source.name == "COMMANDLINE":
        if not home.config.exists():
            raise WrongUse(
                f"there is no {home.config}", cure="name the home of a `datacenter up` with --home"
            )
        os.environ[CONFIG_VARIABLE] = str(home.config)
    elif not os.environ.get(CONFIG_VARIABLE) and URL_VARIABLE not in os.environ and home.config.exists():
        os.environ[CONFIG_VARIABLE] = str(home.config)
    return load_settings()


@contextmanager
def told_in_words(settings: DatabaseSettings) -> Iterator[None]:
    """Raises: WrongUse, for whatever the database or its driver refuses; no password is in it."""
    try:
        yield
    except SQLAlchemyError as error:
        raise WrongUse(str(trouble_of(error, settings.url))) from error
