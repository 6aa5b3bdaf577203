"""HDFS with two NameNodes over one shared directory of edits: one is active; the other takes over on command."""

import shutil
from pathlib import Path

from services.hdfs import DATANODE, NAMENODE, SUPERUSER, HdfsServer, get, knows_its_datanode
from services.server import free_port

NAMESERVICE = "pair"
ADMIN = "org.apache.hadoop.hdfs.tools.DFSHAAdmin"


class HdfsPair(HdfsServer):
    """NameNodes `a` and `b` and one DataNode on loopback; `a` is active first."""

    name = "hdfs-pair"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.ports = {"a": self.port, "b": free_port()}
        self.web_ports = {"a": self.web_port, "b": free_port()}

    @property
    def url(self) -> str:
        """The nameservice, which only a client with the addresses of both finds."""
        return f"hdfs://{NAMESERVICE}"

    def launch(self) -> None:
        """Format one NameNode and the shared edits; the other starts with the same image."""
        confs = {
            each: self.configure(f"conf-{each}", {**self.namenode_properties(), "dfs.ha.namenode.id": each})
            for each in self.ports
        }
        self._conf = self.configure("conf", self.namenode_properties())
        self.run_java(confs["a"], NAMENODE, "-format", "-nonInteractive", "-force")
        shutil.copytree(self.directory / "data" / "name-a", self.directory / "data" / "name-b")
        for conf in confs.values():
            self.spawn_java(conf, NAMENODE)
        self.spawn_java(self._conf, DATANODE)

    def is_ready(self) -> bool:
        """Whether both NameNodes know the DataNode."""
        return all(map(knows_its_datanode, self.web_ports.values())) and self.datanode_answers()

    def prepare(self) -> None:
        """Make `a` active, and the directory that tests may write to."""
        self.run_java(self._conf, ADMIN, "-transitionToActive", "a")
        get(
            f"http://127.0.0.1:{self.web_port}/webhdfs/v1/tmp?op=MKDIRS&permission=1777&user.name={SUPERUSER}",
            method="PUT",
        )

    def kill_the_active(self) -> None:
        """As kill -9 does; `b` stays a standby."""
        active = self._processes[0]
        active.kill()
        active.wait()

    def activate_the_other(self) -> None:
        """Make `b` active, as an administrator does who is sure that `a` is dead."""
        self.run_java(self._conf, ADMIN, "-transitionToActive", "--forceactive", "b")

    def namenode_properties(self) -> dict[str, str]:
        """Where both are."""
        data = self.directory / "data"
        properties = {
            "fs.defaultFS": self.url,
            "dfs.nameservices": NAMESERVICE,
            f"dfs.ha.namenodes.{NAMESERVICE}": ",".join(self.ports),
            "dfs.namenode.shared.edits.dir": f"file://{data}/shared",
            "dfs.ha.fencing.methods": "shell(/bin/true)",
            "dfs.ha.tail-edits.period": "1",
            f"dfs.client.failover.proxy.provider.{NAMESERVICE}": (
                "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"
            ),
        }
        for each, port in self.ports.items():
            its = f"{NAMESERVICE}.{each}"
            properties[f"dfs.namenode.rpc-address.{its}"] = f"127.0.0.1:{port}"
            properties[f"dfs.namenode.http-address.{its}"] = f"127.0.0.1:{self.web_ports[each]}"
            properties[f"dfs.namenode.name.dir.{its}"] = f"file://{data}/name-{each}"
        return properties
