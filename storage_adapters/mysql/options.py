"""Options of a MySQL storage: server, account, TLS, and limits of time and rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.network.protocol_probe import MYSQL, WireProtocol
from storage_adapters.network.reach import Reach, check_reach
from storage_adapters.options import OptionValue, read_options
from storage_adapters.table_storage.urls import server_of

EXAMPLE = "mysql://user@host:3306"
WIRE_PROTOCOL = WireProtocol(name=MYSQL, usual_port=3306)
TLS_MODES = ("preferred", "off", "required", "verify-ca", "verify-identity")


@dataclass(frozen=True, kw_only=True, slots=True)
class MysqlOptions:
    """`tls`: off, preferred (when the server has it), required (any certificate), verify-ca, verify-identity.

    `read_only` refuses to write and drop tables. `query_seconds` and `query_rows` bound a query, 0 is no bound;
    `stall_seconds` bounds one wait for the network, here and at the server. Reading a whole table has no bound.
    `functions`: names with commas, of functions of one's own that queries may call, too.
    `database` tells the caller where to make tables; nothing here depends on it.
    `reach`: see `Reach`; these servers do not redirect, so `named` is the same as `any`.
    """

    host: str
    port: int = WIRE_PROTOCOL.usual_port
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
    functions: str = ""
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
            raise ConfigurationInvalid(f"The URL must name a host and a user: {EXAMPLE}")
        if (
            self.connect_seconds < 1
            or self.stall_seconds < 1
            or self.query_seconds < 0
            or self.query_rows < 0
        ):
            raise ConfigurationInvalid(
                "Seconds and rows must not be negative, and the time for connecting not zero."
            )


def options_from_url(url: str, options: Mapping[str, OptionValue]) -> MysqlOptions:
    """Options from `mysql://user:password@host:3306` and the mapping, which takes precedence.

    User and password in the URL are percent-encoded.

    Raises:
        ConfigurationInvalid: the detail names what is wrong and never holds the password.
    """
    return read_options(MysqlOptions, {**server_of(url, EXAMPLE), **options})
