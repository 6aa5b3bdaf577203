"""Logging in, over TLS or not, to a server that refuses or is no HiveServer2: the message, and whom we trust."""

import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from storage_adapters.hive import HiveStorage
from storage_adapters.options import OptionValue

Answer = Callable[[socket.socket], None]


@contextmanager
def server(answer: Answer, certificate: Path | None = None) -> Iterator[str]:
    """A server that answers once, then only listens until the client hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):  # a client that does not trust us hangs up in the middle
                connection, _ = listener.accept()
                with secured(connection, certificate) as secure:
                    answer(secure)
                    while secure.recv(65536):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"hive://user:long-secret@127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def secured(connection: socket.socket, certificate: Path | None) -> socket.socket:
    if certificate is None:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with connection:
        return context.wrap_socket(connection, server_side=True)


def refuse(connection: socket.socket) -> None:
    words = b"Error validating the login"
    connection.sendall(struct.pack(">BI", 3, len(words)) + words)


def speak_http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "options", "words"),
    [
        (refuse, {}, "rejected the login: Error validating the login. Correct user and password"),
        (speak_http, {}, "does not speak HiveServer2"),
        (speak_http, {"login": "nosasl"}, "check the port and the option 'login'"),
    ],
)
def test_each_failure_to_log_in_is_told_apart(
    answer: Answer, options: dict[str, OptionValue], words: str
) -> None:
    with server(answer) as url:
        health = HiveStorage.from_url(url, {"stall_seconds": 1, **options}).check()
    assert not health.ok
    assert words in health.detail
    assert "long-secret" not in health.detail


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own authority for 127.0.0.1, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hs2.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize(
    ("mode", "host", "known", "trusted"),
    [
        ("required", "127.0.0.1", False, True),
        ("verify-ca", "127.0.0.1", False, False),
        ("verify-ca", "localhost", True, True),
        ("verify-identity", "127.0.0.1", True, True),
        ("verify-identity", "localhost", True, False),
        ("verify-identity", "127.0.0.1", False, False),
    ],
)
def test_the_password_is_sent_only_to_a_server_that_the_tls_options_trust(
    certificate: Path, mode: str, host: str, known: bool, trusted: bool
) -> None:
    """A trusted server is asked to log us in, and refuses."""
    options: dict[str, OptionValue] = {"tls": mode, "host": host, "stall_seconds": 5}
    if known:
        options["tls_ca"] = str(certificate)
    with server(refuse, certificate) as url:
        health = HiveStorage.from_url(url, options).check()
    assert not health.ok
    assert ("rejected the login" if trusted else "TLS with the server failed") in health.detail
