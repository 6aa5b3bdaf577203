"""What is wrong with the broker, in words, and whether waiting may cure it."""

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
    "NoPermissionError": "the user a right; it has to read, write and publish",
    "NotAllowed": "the virtual host, which is missing or not this user's",
}
"""By the name of an error, for which of the brokers' libraries are installed differs: what the broker refuses."""
ANSWER_SECONDS = 2.0


def check_broker(settings: BrokerSettings) -> str | None:
    """Knock once: None if the broker lets us in, a sentence if it does not answer.

    Raises:
        SettingsInvalid: it answers and refuses us, which waiting does not cure.
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
        return f"broker.url: the broker does not answer at {place} ({reason[0]}); is it up, and the address right?"
    finally:
        connection.release()
    return None


def _causes(error: BaseException | None) -> list[BaseException]:
    return [error, *_causes(error.__cause__ or error.__context__)] if error is not None else []


def _name(error: BaseException) -> str:
    return type(error).__name__
