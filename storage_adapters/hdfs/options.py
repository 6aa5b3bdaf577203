"""Options of HDFS storages: what URL and options say, the clients made of it, and a first try of their addresses."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from storage_adapters.errors import ConfigurationInvalid, StorageError, StorageUnavailable
from storage_adapters.hdfs.native import RPC_PORT, NativeClient
from storage_adapters.hdfs.web import WebClient
from storage_adapters.hdfs.web_faults import WEB_PORT
from storage_adapters.network.protocol_probe import WireProtocol, wrong_protocol_on
from storage_adapters.network.reach import Reach, check_reach

DATANODE_PORT = 9864
_MIB = 1024 * 1024

_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class HdfsOptions:
    """`namenodes`: `host:port,host:port` of the nameservice that the URL names instead of a host. `config_dir`: a
    directory with core-site.xml and hdfs-site.xml, which may say the same. `timeout_seconds`: for each call.
    `threads`: calls at once. `replication`, `block_mib`: of new files; 0 leaves it to the cluster. `create`:
    `check` makes the root directory if it is missing."""

    namenodes: str = ""
    config_dir: str = ""
    timeout_seconds: int = 60
    threads: int = 16
    replication: int = 0
    block_mib: int = 0
    create: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class WebHdfsOptions:
    """`user`: sent with requests, if the cluster trusts it. `proxy_user`: the user that it acts for.
    `token`: a delegation token, instead of `user`. `tls`, `ca_file`: HTTPS, and the authority to trust. `reach`: see
    `Reach`; `datanodes`: `host:port,host:port` that are named besides the URL's servers. The others as in `HdfsOptions`."""

    user: str = ""
    proxy_user: str = ""
    token: str = ""
    tls: bool = False
    ca_file: str = ""
    datanodes: str = ""
    reach: str = Reach.ANY
    timeout_seconds: int = 60
    threads: int = 16
    replication: int = 0
    block_mib: int = 0
    create: bool = True

    def __post_init__(self) -> None:
        """Raises: ConfigurationInvalid."""
        check_reach(self.reach)


def split_url(url: str, scheme: str) -> tuple[str, str]:
    """The servers and the root directory without a final `/`. Raises: ConfigurationInvalid."""
    servers, slash, path = url.removeprefix(f"{scheme}://").partition("/")
    root = os.path.normpath(f"/{path}").rstrip("/")
    if not url.startswith(f"{scheme}://") or not servers or not slash or ".." in path.split("/"):
        raise ConfigurationInvalid(f"The URL must be {scheme}://host:port/directory.")
    if not root:
        raise ConfigurationInvalid(
            "The root '/' of the whole file system cannot be a storage: name a directory."
        )
    if next(filter(None, root.split("/"))) == ".reserved":
        raise ConfigurationInvalid(
            "Paths under /.reserved are other names of directories: name the directory itself."
        )
    return servers, root


def native_client(servers: str, options: HdfsOptions) -> NativeClient:
    """A client for `host:port`, or for the nameservice of that name."""
    config: dict[str, str] = {}
    named = _addresses(options.namenodes, RPC_PORT)
    if named:
        names = [f"nn{number}" for number in range(len(named))]
        config[f"dfs.ha.namenodes.{servers}"] = ",".join(names)
        for name, (host, port) in zip(names, named, strict=True):
            config[f"dfs.namenode.rpc-address.{servers}.{name}"] = f"{host}:{port}"
    elif not options.config_dir:
        named = _addresses(servers, RPC_PORT)
        servers = ",".join(f"{host}:{port}" for host, port in named)
        if len(named) > 1:
            raise ConfigurationInvalid(
                "The URL names several NameNodes: name them in the option 'namenodes', and the nameservice in the URL."
            )
    return NativeClient(
        f"hdfs://{servers}",
        config,
        config_dir=options.config_dir,
        addresses=named,
        timeout_seconds=options.timeout_seconds,
        replication=options.replication,
        block_bytes=options.block_mib * _MIB,
    )


def web_client(servers: str, options: WebHdfsOptions) -> WebClient:
    """A client for `host:port`, or for several of them, separated by commas."""
    scheme = "https" if options.tls else "http"
    return WebClient(
        [f"{scheme}://{host}:{port}" for host, port in _addresses(servers, WEB_PORT)],
        user=options.user,
        proxy_user=options.proxy_user,
        token=options.token,
        ca_file=options.ca_file,
        datanodes=_addresses(options.datanodes, DATANODE_PORT),
        reach=Reach(options.reach),
        timeout_seconds=options.timeout_seconds,
        replication=options.replication,
        block_bytes=options.block_mib * _MIB,
        connections=options.threads,
    )


def _addresses(servers: str, port: int) -> list[tuple[str, int]]:
    """Hosts and ports of a list that is separated by commas. Raises: ConfigurationInvalid."""
    found = []
    for server in filter(None, map(str.strip, servers.split(","))):
        host, colon, digits = server.rpartition(":")
        if colon and not digits.isdecimal():
            raise ConfigurationInvalid(f"{server!r} is not host:port: correct it.")
        found.append((host, int(digits)) if colon else (server, port))
    return found


def try_addresses(addresses: Sequence[tuple[str, int]], wire_protocol: WireProtocol | None = None) -> None:
    """Connect to the first server that accepts, and check its protocol if one is given.

    Raises:
        ConfigurationInvalid, StorageUnavailable: no server accepts, or it speaks another protocol; the detail says why
            for each.
    """
    faults: list[StorageError] = []
    for host, port in addresses:
        try:
            with socket.create_connection((host, port), timeout=_SECONDS) as connection:
                wrong_protocol = (
                    wrong_protocol_on(connection, f"{host}:{port}", wire_protocol) if wire_protocol else ""
                )
            if not wrong_protocol:
                return
            faults.append(ConfigurationInvalid(wrong_protocol))
        except socket.gaierror:
            faults.append(ConfigurationInvalid(f"The host name {host!r} cannot be resolved: correct it."))
        except ConnectionRefusedError:
            faults.append(
                StorageUnavailable(
                    f"{host}:{port} refuses connections: check that the server is running, and the port."
                )
            )
        except TimeoutError:
            faults.append(
                StorageUnavailable(
                    f"{host}:{port} does not answer within {_SECONDS:g} seconds: check whether a firewall blocks it."
                )
            )
        except OSError as error:
            faults.append(StorageUnavailable(f"{host}:{port} cannot be reached: {error.strerror or error}."))
    if faults:
        raise type(faults[-1])(" ".join(fault.detail for fault in faults))
