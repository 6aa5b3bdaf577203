"""Hive's protocol: the Thrift server of Spark 3.5.7, which answers as HiveServer2 does. It is not Hive itself.

The jars are in the source distribution of pyspark, which is downloaded once into a cache directory. Tables are on
a private HDFS; the metastore is in the server's memory and gone with it.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from services.hadoop import Pyspark, configuration, filled_library, unpack_jars
from services.hdfs import SUPERUSER, HdfsServer
from services.server import Server, answers

PYSPARK = Pyspark(
    version="3.5.7", mebibytes=303, sha256="80e36514e0c5c126d35a26adf4f405cd4a69de96a8ea8a3c1e9a65fce2fb4eaa"
)

UNUSED = (
    *("kubernetes", "mesos", "mllib", "breeze", "spire", "spark-connect", "spark-repl", "spark-yarn"),
    *("netlib", "okhttp", "algebra"),
)
"""Parts of jars' names that the server starts without."""

OPENED = (
    *("lang", "lang.invoke", "lang.reflect", "io", "net", "nio", "util", "util.concurrent"),
    "util.concurrent.atomic",
)
"""The packages of `java` that Spark reaches into and Java 17 keeps closed."""

OPENED_INTERNALS = (
    "jdk.internal.ref",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
)

LOG4J = """rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1}: %m%n%ex
"""

SASL_PLAIN = b"\x01\x00\x00\x00\x05PLAIN" + b"\x02\x00\x00\x00\x0a\x00hdfs\x00hdfs"
SASL_COMPLETE = b"\x05\x00\x00\x00\x00"
"""A client's login over Thrift's SASL frames, and the server's consent."""


class HiveServer(Server):
    """Spark's Thrift server on loopback, any user and password; it acts on its HDFS as the superuser."""

    name = "hive"
    programs = HdfsServer.programs
    start_seconds = 300

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._hdfs = HdfsServer(self.directory)
        self._below = ExitStack()

    @property
    def url(self) -> str:
        """The URL of the server, then those of the HDFS below it."""
        return f"hive://{SUPERUSER}@127.0.0.1:{self.port} {self._hdfs.url}"

    def launch(self) -> None:
        """Start the HDFS and wait for it, then the server in the foreground."""
        classes = f"{self._configure()}:{library()}/*"
        self._below.enter_context(self._hdfs)
        server = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
        self.spawn("java", *self._flags(), "-cp", classes, server, env=self._environment())

    def is_ready(self) -> bool:
        """Whether a client can log in."""
        return answers(self.port, SASL_PLAIN, SASL_COMPLETE)

    def stop(self) -> None:
        """End the server before the HDFS that it writes to."""
        super().stop()
        self._below.close()

    @property
    def _file_system(self) -> str:
        return f"hdfs://127.0.0.1:{self._hdfs.port}"

    def _flags(self) -> list[str]:
        packages = [*(f"java.{package}" for package in OPENED), *OPENED_INTERNALS]
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in packages]
        kerberos = "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED"
        memory = ("-Xmx1g", "-Xss4m", "-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true")
        return [
            *memory,
            *opened,
            kerberos,
            *(f"-D{name}={value}" for name, value in self._properties().items()),
        ]

    def _properties(self) -> Mapping[str, str]:
        return {
            "jdk.reflect.useDirectMethodHandle": "false",
            "java.io.tmpdir": str(self.directory),
            # Not the zone that clients need, so that they must set theirs.
            "user.timezone": "Asia/Shanghai",
            "derby.system.home": str(self.directory),
            "spark.master": "local[2]",
            "spark.app.name": "thriftserver",
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.maxResultSize": "0",
            "spark.local.dir": str(self.directory),
            "spark.sql.catalogImplementation": "hive",
            "spark.sql.warehouse.dir": f"{self._file_system}/warehouse",
            "spark.sql.shuffle.partitions": "2",
            # Results go out partition by partition, so that the heap need not hold them.
            "spark.sql.thriftServer.incrementalCollect": "true",
            "spark.hadoop.fs.defaultFS": self._file_system,
            "spark.hadoop.dfs.replication": "1",
        }

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HADOOP_USER_NAME": SUPERUSER,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }

    def _configure(self) -> Path:
        """Write the configuration; return its directory."""
        conf = self.directory / "conf"
        conf.mkdir()
        (conf / "log4j2.properties").write_text(LOG4J)
        hive = {
            "javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
            "datanucleus.schema.autoCreateAll": "true",
            "hive.metastore.schema.verification": "false",
            "hive.metastore.warehouse.dir": f"{self._file_system}/warehouse",
            "fs.defaultFS": self._file_system,
            "hive.server2.authentication": "NONE",
            "hive.server2.enable.doAs": "false",
            "hive.server2.transport.mode": "binary",
            "hive.server2.thrift.bind.host": "127.0.0.1",
            "hive.server2.thrift.port": str(self.port),
            "hive.exec.scratchdir": f"{self.directory}/scratch",
            "hive.exec.local.scratchdir": f"{self.directory}/local",
            # Python's client asks for the log of an operation, and fails without one.
            "hive.server2.logging.operation.enabled": "true",
            "hive.server2.logging.operation.log.location": f"{self.directory}/operations",
        }
        (conf / "hive-site.xml").write_text(configuration(hive))
        return conf


def library() -> Path:
    """The directory of the server's jars, filled at the first call and kept for the next runs."""
    return filled_library("hive", _fill)


def _fill(cache: Path, target: Path) -> None:
    unpack_jars(PYSPARK.archive(cache), target, wanted=lambda name: not any(part in name for part in UNUSED))
