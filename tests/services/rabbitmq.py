"""RabbitMQ as a broker, with an Erlang port mapper of its own so that none of the system's is touched."""

import os
from pathlib import Path

from services.server import Server, answers, free_port, program_path

AMQP_HELLO = b"AMQP\x00\x00\x09\x01"
METHOD_FRAME = b"\x01"


class RabbitmqServer(Server):
    """A one-node RabbitMQ on loopback; user and password are guest."""

    name = "rabbitmq"
    programs = ("rabbitmq-server", "epmd")
    start_seconds = 90

    @property
    def url(self) -> str:
        """A Celery broker URL."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def launch(self) -> None:
        """Start the port mapper, then the node."""
        home = self.directory
        (home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlog.file.level = warning\nvm_memory_high_watermark.absolute = 512MiB\n"
        )
        (home / "enabled_plugins").write_text("[].")
        # Its own variables only: RABBITMQ_* of the caller would change another node.
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "RABBITMQ_HOME": str(home),
            "RABBITMQ_NODENAME": f"datacenter{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "logs"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Idle schedulers sleep instead of spinning; the two cores are for the tests.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
        }
        self.spawn("epmd", env=environment)
        self.spawn(_node_script(), env=environment)

    def is_ready(self) -> bool:
        """Whether it answers the greeting of AMQP; a node opens its port last."""
        return answers(self.port, AMQP_HELLO, METHOD_FRAME)


def _node_script() -> str:
    # The script on PATH is Debian's, which requires the system's user; RabbitMQ's own is in its library's directory.
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(script) if script.exists() else program_path("rabbitmq-server")
