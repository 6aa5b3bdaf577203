"""MariaDB as the database of the data centre."""

import getpass
import socket
import subprocess

import pymysql
from services.server import Server, program_path

USER = PASSWORD = DATABASE = "datacenter"


class MariadbServer(Server):
    """A MariaDB on loopback with one user, who may make databases."""

    name = "mariadb"
    programs = ("mariadbd", "mariadb-install-db", "my_print_defaults")

    @property
    def url(self) -> str:
        """A SQLAlchemy URL of an empty database."""
        return f"mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def _socket(self) -> str:
        return str(self.directory / "socket")

    def launch(self) -> None:
        """Make the system tables, then start it in the foreground."""
        data = str(self.directory / "data")
        # A server that starts removes all files in its directory for temporary files, also those of others.
        temporary = self.directory / "tmp"
        temporary.mkdir()
        owner = f"--user={getpass.getuser()}"
        with (self.directory / "install.log").open("wb") as log:
            subprocess.run(
                [
                    *(program_path("mariadb-install-db"), "--no-defaults", owner, f"--datadir={data}"),
                    f"--tmpdir={temporary}",
                    *("--auth-root-authentication-method=normal", "--skip-test-db"),
                ],
                check=True,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.spawn(
            *("mariadbd", "--no-defaults", owner, f"--datadir={data}", f"--socket={self._socket}"),
            f"--tmpdir={temporary}",
            *(f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve"),
            *("--character-set-server=utf8mb4", "--innodb-buffer-pool-size=64M"),
            # A commit survives the death of the server, not of the machine: enough for tests, and faster.
            "--innodb-flush-log-at-trx-commit=2",
        )

    def _root(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(unix_socket=self._socket, user="root", autocommit=True)

    def is_ready(self) -> bool:
        """Whether root can log in."""
        with socket.socket(socket.AF_UNIX) as probe:  # PyMySQL leaves a socket open if no server answers
            if probe.connect_ex(self._socket):
                return False
        try:
            self._root().close()
        except pymysql.OperationalError:
            return False
        return True

    def prepare(self) -> None:
        """Make the database and its user."""
        with self._root() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {DATABASE}")
            cursor.execute(f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute(f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1'")
