"""HDFS: a NameNode and a DataNode of Hadoop 2.7.3 with WebHDFS, from jars that PyPI and Debian carry.

The server's jars are in the source distribution of pyspark 2.4.8, Jersey 1 in four Debian packages that are
unpacked and not installed. Both are downloaded once into a cache directory.
"""

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from services.hadoop import Pyspark, configuration, filled_library, unpack_jars
from services.server import Server, free_port, program_path

PYSPARK = Pyspark(
    version="2.4.8",
    mebibytes=211,
    sha256="3a19b71b8dc8dd91ebc943604a05e1ab01bce052456d42937035632d852d78dc",
)
SUPERUSER = "hdfs"
NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
DATANODE = "org.apache.hadoop.hdfs.server.datanode.DataNode"

JARS = (
    *("hadoop-hdfs-2.7", "hadoop-common-2.7", "hadoop-auth-2.7", "hadoop-annotations-2.7"),
    *(
        "jetty-6",
        "jetty-util-6",
        "javax.servlet-api",
        "jaxb-api",
        "activation",
        "htrace-core",
        "netty-3",
        "netty-all",
    ),
    *("jackson-core-asl", "jackson-mapper-asl", "log4j-1", "slf4j-api", "slf4j-log4j12", "protobuf-java"),
    *("leveldbjni-all", "xmlenc", "xercesImpl", "guava", "jsr305", "zookeeper"),
    *("commons-cli", "commons-codec", "commons-collections", "commons-configuration", "commons-io"),
    *("commons-lang-2", "commons-logging", "commons-net", "commons-httpclient", "httpclient", "httpcore"),
)
"""Name prefixes of the jars that both servers load: 31 of the 220 MB."""

PACKAGES = {
    "libjersey1-core-java": "jersey1-core",
    "libjersey1-server-java": "jersey1-server",
    "libjersey1-servlet-java": "jersey1-servlet",
    "libjsr311-api-java": "jsr311-api",
}
"""Debian's packages and the jar that each holds."""

OPENED = ("java.base/java.lang", "java.base/java.nio", "java.base/sun.nio.ch", "java.base/java.net")
"""The packages of Java that Hadoop 2.7 reaches into and Java 17 keeps closed."""

LOG4J = """log4j.rootLogger=WARN,F
log4j.appender.F=org.apache.log4j.ConsoleAppender
log4j.appender.F.layout=org.apache.log4j.PatternLayout
log4j.appender.F.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
"""
WEBAPP = '<web-app version="2.4" xmlns="http://java.sun.com/xml/ns/j2ee"></web-app>'


class HdfsServer(Server):
    """One NameNode and one DataNode on loopback; permissions are checked, all users may write to `/tmp`."""

    name = "hdfs"
    programs = ("java", "apt-get", "dpkg-deb")
    start_seconds = 120

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.web_port = free_port()
        self._datanode_port, self._datanode_web_port, self._datanode_ipc_port = (
            free_port() for _ in range(3)
        )

    @property
    def url(self) -> str:
        """Two URLs: of the NameNode and of WebHDFS."""
        return f"hdfs://127.0.0.1:{self.port} webhdfs://127.0.0.1:{self.web_port}"

    def launch(self) -> None:
        """Format the name directory, then start both servers in the foreground."""
        conf = self.configure("conf", self.namenode_properties())
        self.run_java(conf, NAMENODE, "-format", "-nonInteractive", "-force")
        self.spawn_java(conf, NAMENODE)
        self.spawn_java(conf, DATANODE)

    def is_ready(self) -> bool:
        """Whether the NameNode left safe mode with one living DataNode, and both answer over HTTP."""
        return (
            knows_its_datanode(self.web_port)
            and bool(get(f"{self._web('/')}?op=GETFILESTATUS&user.name={SUPERUSER}"))
            and self.datanode_answers()
        )

    def datanode_answers(self) -> bool:
        """Whether the DataNode answers over HTTP."""
        return bool(get(f"http://127.0.0.1:{self._datanode_web_port}/jmx?qry=none:a=b"))

    def prepare(self) -> None:
        """Make the directory that tests may write to."""
        url = f"{self._web('/tmp')}?op=MKDIRS&permission=1777&user.name={SUPERUSER}"
        get(url, method="PUT")

    def _web(self, path: str) -> str:
        return f"http://127.0.0.1:{self.web_port}/webhdfs/v1{path}"

    def spawn_java(self, conf: Path, program: str) -> None:
        """Start a server of Hadoop."""
        self.spawn("java", *self._flags(conf), program, env=self._environment())

    def run_java(self, conf: Path, program: str, *arguments: str) -> None:
        """Run a program of Hadoop to its end; its output goes into a log of its own."""
        with (self.directory / "tools.log").open("ab") as log:
            subprocess.run(
                [program_path("java"), *self._flags(conf), program, *arguments],
                check=True,
                env=self._environment(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _flags(self, conf: Path) -> list[str]:
        opened = [f"--add-opens={package}=ALL-UNNAMED" for package in OPENED]
        kerberos = "java.security.jgss/sun.security.krb5=ALL-UNNAMED"
        return [
            *("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"),
            *(*opened, f"--add-opens={kerberos}", f"--add-exports={kerberos}"),
            *(f"-Dhadoop.home.dir={self.directory}", f"-Djava.io.tmpdir={self.directory}"),
            *("-cp", f"{conf}:{library()}/*"),
        ]

    def _environment(self) -> Mapping[str, str]:
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HADOOP_USER_NAME": SUPERUSER}

    def namenode_properties(self) -> dict[str, str]:
        """Where the NameNode is."""
        return {
            "fs.defaultFS": f"hdfs://127.0.0.1:{self.port}",
            "dfs.namenode.name.dir": f"file://{self.directory}/data/name",
            "dfs.namenode.rpc-address": f"127.0.0.1:{self.port}",
            "dfs.namenode.http-address": f"127.0.0.1:{self.web_port}",
        }

    def configure(self, name: str, properties: Mapping[str, str]) -> Path:
        """Write a configuration with these properties besides those of all servers; return its directory."""
        conf, data = self.directory / name, self.directory / "data"
        conf.mkdir()
        (conf / "log4j.properties").write_text(LOG4J)
        # The jar carries no web applications; the servers only ask that their directories exist.
        for webapp in ("hdfs", "datanode", "secondary"):
            (conf / "webapps" / webapp / "WEB-INF").mkdir(parents=True)
            (conf / "webapps" / webapp / "WEB-INF" / "web.xml").write_text(WEBAPP)
        (conf / "webapps" / "static").mkdir()
        core = {
            "hadoop.tmp.dir": f"{data}/tmp",
            f"hadoop.proxyuser.{SUPERUSER}.hosts": "*",
            f"hadoop.proxyuser.{SUPERUSER}.groups": "*",
        }
        hdfs = {
            "dfs.replication": "1",
            "dfs.datanode.data.dir": f"file://{data}/data",
            "dfs.namenode.rpc-bind-host": "127.0.0.1",
            "dfs.namenode.http-bind-host": "127.0.0.1",
            "dfs.datanode.address": f"127.0.0.1:{self._datanode_port}",
            "dfs.datanode.http.address": f"127.0.0.1:{self._datanode_web_port}",
            "dfs.datanode.ipc.address": f"127.0.0.1:{self._datanode_ipc_port}",
            "dfs.datanode.hostname": "127.0.0.1",
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            "dfs.webhdfs.enabled": "true",
            "dfs.permissions.superusergroup": SUPERUSER,
            "dfs.namenode.safemode.extension": "0",
            "dfs.heartbeat.interval": "1",
            "dfs.blockreport.initialDelay": "0",
            "dfs.datanode.du.reserved": "0",
            "dfs.namenode.resource.du.reserved": "0",
            "dfs.namenode.handler.count": "16",
            "dfs.namenode.fs-limits.min-block-size": "1024",
        }
        client = {name: value for name, value in properties.items() if name.startswith("fs.")}
        (conf / "core-site.xml").write_text(configuration({**core, **client}))
        (conf / "hdfs-site.xml").write_text(configuration({**hdfs, **properties}))
        return conf


def knows_its_datanode(web_port: int) -> bool:
    """Whether the NameNode of this HTTP port left safe mode and has one living DataNode."""
    state = get(f"http://127.0.0.1:{web_port}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState")
    compact = state.replace(" ", "")
    return '"FSState":"Operational"' in compact and '"NumLiveDataNodes":1' in compact


def library() -> Path:
    """The directory of the servers' jars, filled at the first call and kept for the next runs."""
    return filled_library("hdfs", _fill)


def _fill(cache: Path, target: Path) -> None:
    unpack_jars(PYSPARK.archive(cache), target, wanted=lambda name: name.startswith(JARS))
    _unpack_packages(cache, target)


def _unpack_packages(cache: Path, target: Path) -> None:
    packages = cache / "packages"
    packages.mkdir(exist_ok=True)
    for package, jar in PACKAGES.items():
        if not list(packages.glob(f"{package}_*.deb")):
            subprocess.run(
                ["apt-get", "download", "-q", package], cwd=packages, check=True, capture_output=True
            )
        tree = packages / package
        subprocess.run(["dpkg-deb", "-x", next(packages.glob(f"{package}_*.deb")), tree], check=True)
        shutil.copy(tree / "usr" / "share" / "java" / f"{jar}.jar", target)
        shutil.rmtree(tree)


def get(url: str, *, method: str = "GET") -> str:
    """The body of an answer; a failure is an empty one."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, method=method), timeout=3) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""
