"""Options of a Hive storage: server, account, TLS, limits of time and rows, and the staging directory."""

from dataclasses import dataclass, field

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.network.protocol_probe import WireProtocol
from storage_adapters.network.reach import Reach, check_reach

EXAMPLE = "hive://user@host:10000"
LOGINS = ("plain", "ldap", "nosasl")
WIRE_PROTOCOL = WireProtocol(name="HiveServer2's binary protocol", usual_port=10000)
TLS_MODES = ("off", "required", "verify-ca", "verify-identity")


@dataclass(frozen=True, kw_only=True, slots=True)
class HiveOptions:
    """`login`: plain (the server trusts the user's name), ldap (it checks the password) or nosasl, as the server is
    set up. `tls`: off, required (any certificate), verify-ca, verify-identity; `tls_ca`: a file in PEM.

    `query_seconds` and `query_rows` bound a query, 0 is no bound; `stall_seconds` bounds one wait for the network.
    `functions`: names with commas, of functions of one's own that queries may call, too.
    `staging`, `engine_staging`: see `staging`. `reach`: see `Reach`; it applies to the staging storage, too.
    """

    host: str
    port: int = WIRE_PROTOCOL.usual_port
    user: str = ""
    password: str = field(default="", repr=False)
    login: str = "plain"
    tls: str = "off"
    tls_ca: str = ""
    connect_seconds: int = 10
    stall_seconds: int = 600
    query_seconds: int = 300
    query_rows: int = 100_000_000
    functions: str = ""
    staging: str = ""
    engine_staging: str = ""
    reach: str = Reach.ANY

    def __post_init__(self) -> None:
        for option, known in (("login", LOGINS), ("tls", TLS_MODES)):
            if getattr(self, option) not in known:
                raise ConfigurationInvalid(f"Option {option!r} must be one of: {', '.join(known)}.")
        check_reach(self.reach)
        if not 1 <= self.port <= 65535:
            raise ConfigurationInvalid("The port must be between 1 and 65535.")
        if not self.host or not self.user:
            raise ConfigurationInvalid(f"The URL must name a host and a user: {EXAMPLE}")
        if self.login == "ldap" and not self.password:
            raise ConfigurationInvalid("Option 'password' is missing: 'login' is ldap.")
        if min(self.connect_seconds, self.stall_seconds) < 1 or min(self.query_seconds, self.query_rows) < 0:
            raise ConfigurationInvalid(
                "Seconds and rows must not be negative, and the time for connecting not zero."
            )
