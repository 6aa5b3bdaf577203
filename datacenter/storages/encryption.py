"""Encryption: the secrets of a storage as one Fernet token, with keys that can be rotated."""

import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from datacenter.errors import Invalid
from datacenter.settings.model import FERNET_KEY_COMMAND
from datacenter.storages.secret_options import Options
from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue

UNREADABLE = (
    "its secrets cannot be decrypted with registration.keys; put the key that encrypted them back into the list, "
    "or register the secrets again"
)


class SecretCipher:
    """Encrypts with the first key and decrypts with any key. No error quotes a key or a secret."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        fernets = [Fernet(key.get_secret_value()) for key in keys]
        self._fernet = MultiFernet(fernets) if fernets else None

    def encrypt(self, secrets: Options) -> str | None:
        """One token for all secrets, None without secrets. Raises: Invalid, when there is no key."""
        if not secrets:
            return None
        if self._fernet is None:
            raise Invalid(
                f"options.{min(secrets)}: this server has no key to encrypt secrets; the operator can create one "
                f"with: {FERNET_KEY_COMMAND} and add it to registration.keys",
                field=f"options.{min(secrets)}",
            )
        return self._fernet.encrypt(json.dumps(dict(secrets), sort_keys=True).encode()).decode()

    def decrypt(self, token: str | None) -> dict[str, OptionValue]:
        """The secrets in a token. Raises: ConfigurationInvalid, when no key decrypts the token."""
        if token is None:
            return {}
        try:
            if self._fernet is None:
                raise InvalidToken
            secrets: dict[str, OptionValue] = json.loads(self._fernet.decrypt(token.encode()))
        except InvalidToken:
            raise ConfigurationInvalid(UNREADABLE) from None
        return secrets

    def reencrypt(self, token: str) -> str:
        """The same secrets, encrypted with the first key. Raises: ConfigurationInvalid."""
        try:
            if self._fernet is None:
                raise InvalidToken
            return self._fernet.rotate(token.encode()).decode()
        except InvalidToken:
            raise ConfigurationInvalid(UNREADABLE) from None
