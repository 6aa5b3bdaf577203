"""Options of a MySQL storage: where the server is, who we are there, and how long and how much we wait for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.network.protocol_probe import MYSQL, Spoken
from storage_adapters.network.reach import Reach, check_reach
from storage_adapters.options import OptionValue, read_options
from storage_adapters.table_storage.urls import server_of

EXAMPLE = "mysql://user@host:3306"
SPOKEN = Spoken(protocol=MYSQL, usual_port=3306)
TLS_MODES = ("preferred", "off", "required", "verify-ca", "verify-identity")


@dataclass(frozen=True, kw_only=True, slots=True)
class MysqlOptions:
    """`tls`: off, preferred (when the server has it), required (any certificate), verify-ca, verify-identity.

    `read_only` refuses to write and drop tables. `query_seconds` and `query_rows` bound a query, 0 is no bound;
    `stall_seconds` bounds one wait for the network, of ours and of the server's. Reading a whole table has no bound.
    `database` is for whoever opens the storage to be told where to make tables; nothing here depends on it.
    `reach`: see `Reach`; no server sends us elsewhere, so `named` is no different from `any`.
    """

    host: str
    port: int = SPOKEN.usual_port
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = "preferred"
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    connect_seconds: int = 10
    stall_seconds: int = 600
    query_seconds: int = 300
    query_rows: int = 100_000_000
    read_only: bool = False
    database: str = ""
    reach: str = Reach.ANY

    def __post_init__(self) -> None:
        if self.tls not in TLS_MODES:
            raise ConfigurationInvalid(f"Option 'tls' must be one of: {', '.join(TLS_MODES)}.")
        check_reach(self.reach)
        if not 1 <= self.port <= 65535:
            raise ConfigurationInvalid("The port must be between 1 and 65535.")
        if not self.host or not self.user:
            raise ConfigurationInvalid(f"A host and a user are needed: {EXAMPLE}")
        if (
            self.connect_seconds < 1
            or self.stall_seconds < 1
            or self.query_seconds < 0
            or self.query_rows < 0
        ):
            raise ConfigurationInvalid(
                "Seconds and rows must not be negative, nor the time for connecting zero."
            )


def options_from_url(url: str, options: Mapping[str, OptionValue]) -> MysqlOptions:
    """Options from `mysql://user:password@host:3306` and the mapping, which wins; the two secrets are percent-encoded.

    Raises:
        ConfigurationInvalid: the detail names what is wrong and never holds the password.
    """
    return read_options(MysqlOptions, {**server_of(url, EXAMPLE), **options})
