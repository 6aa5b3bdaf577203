"""Diagnosis of broker errors: the reason in one sentence, and whether the error may pass with time."""

from typing import Any, cast

from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.utils.url import maybe_sanitize_url

from datacenter.errors import SettingsInvalid
from datacenter.ledger.doorbell import broker_settings
from datacenter.settings.model import BrokerSettings

REFUSED = {
    "AuthenticationError": "the user or the password",
    "AccessRefused": "the user or the password",
    "NoPermissionError": "a command; the user needs the rights to read, write and publish",
    "NotAllowed": "the virtual host, which is missing or forbidden for this user",
}
"""What the broker refuses, by the error's class name: the installed broker libraries differ."""
ANSWER_SECONDS = 2.0


def check_broker(settings: BrokerSettings) -> str | None:
    """Connect once: None if the broker accepts us, a sentence if it does not answer.

    Raises:
        SettingsInvalid: the broker answers and refuses us; waiting does not help.
    """
    options = cast("dict[str, Any]", broker_settings(settings)["broker_transport_options"])
    place = maybe_sanitize_url(settings.url)
    connection = Connection(settings.url, connect_timeout=ANSWER_SECONDS, transport_options=options)
    broken = cast("tuple[type[Exception], ...]", connection.connection_errors + connection.channel_errors)
    failures: tuple[type[Exception], ...] = (OperationalError, OSError, *broken)
    try:
        connection.connect()
    except failures as error:
        refused = [REFUSED[name] for name in map(_name, _causes(error)) if name in REFUSED]
        if refused:
            raise SettingsInvalid(
                f"broker.url: the broker at {place} refuses {refused[0]}; correct it"
            ) from None
        reason = str(error).strip().splitlines() or [type(error).__name__]
        return (
            f"broker.url: the broker does not answer at {place} ({reason[0]}); "
            "check that it runs and that the address is correct"
        )
    finally:
        connection.release()
    return None


def _causes(error: BaseException | None) -> list[BaseException]:
    return [error, *_causes(error.__cause__ or error.__context__)] if error is not None else []


def _name(error: BaseException) -> str:
    return type(error).__name__
