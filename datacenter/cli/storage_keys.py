"""`datacenter storages rotate`: seals the registered secrets anew, in the database itself."""

import typer

from datacenter.cli.display import count
from datacenter.cli.errors import CommandFailed
from datacenter.cli.output import JsonOption, print_json


def rotate(context: typer.Context, as_json: JsonOption = False) -> None:
    """Encrypt all secrets with the first of registration.keys; the other keys can be removed then.

    Needs the server's settings (--home or DATACENTER_CONFIG), not a server.
    """
    # Imported here because no other command pays for loading the database layer.
    from datacenter.cli.databases import settings_for, told_in_words
    from datacenter.datasets.resources import open_resources
    from datacenter.datasets.storages.registration import rotate as seal_anew
    from datacenter.migrations import require_schema
    from storage_adapters.errors import ConfigurationInvalid

    settings = settings_for(context)
    resources = open_resources(settings)
    try:
        with told_in_words(settings.database):
            require_schema(resources.database)
            sealed = resources.database.run(lambda session: seal_anew(session, resources))
    except ConfigurationInvalid as error:
        raise CommandFailed(error.detail, cure="nothing was changed") from error
    finally:
        resources.close()
    if as_json:
        print_json({"storages": sealed})
    else:
        typer.echo(f"the secrets of {count(sealed, 'storage')} are encrypted with the first key")
