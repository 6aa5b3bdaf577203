"""Ceph with its object gateway: one monitor, one object store and one RGW, over HTTP and over TLS."""

import subprocess
import time
import urllib.error
import urllib.request
import uuid

from services.server import Server, ServerFailed, free_port, program_path

ACCESS_KEY, SECRET_KEY = "testaccess", "testsecret"
STEP_SECONDS = 60
HOST_NAMES = "IP:127.0.0.1,DNS:s3.localhost,DNS:*.s3.localhost"

CONFIGURATION = """
[global]
fsid = {fsid}
mon_initial_members = a
mon_host = [v2:127.0.0.1:{mon_port}/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv4 = true
ms_bind_ipv6 = false
ms_bind_msgr1 = false
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = {home}/keyring
run_dir = {home}
pid_file = {home}/$type.pid
admin_socket = {home}/$type.asok
log_file = {home}/$type.log
log_to_stderr = false
err_to_stderr = true
crash_dir = {home}
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
# Making pools and joining wait for map proposals; the default is a second each.
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
mon_tick_interval = 1
[mon]
mon_data = {home}/mon
mon_cluster_log_file = {home}/cluster.log
mon_data_avail_warn = 2
mon_data_avail_crit = 1
auth_allow_insecure_global_id_reclaim = false
[osd]
osd_data = {home}/osd
osd_objectstore = {objectstore}
osd_crush_initial_weight = 1
memstore_device_bytes = {size_bytes}
bluestore_block_size = {size_bytes}
osd_memory_target = 1073741824
osd_class_load_list = *
osd_class_default_list = *
[client]
# Without tcp_nodelay every answer with a body waits 40 ms for the client's delayed acknowledgement.
rgw_frontends = beast endpoint=127.0.0.1:{port} ssl_endpoint=127.0.0.1:{tls_port} ssl_certificate={home}/certificate.pem ssl_private_key={home}/certificate.key tcp_nodelay=1
rgw_dns_name = s3.localhost
rgw_enable_apis = s3, admin
rgw_dynamic_resharding = false
rgw_run_sync_thread = false
rgw_gc_obj_min_wait = 30
rgw_gc_processor_period = 30
"""

CAPABILITIES = {
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"},
    "client.rgw.a": {"mon": "allow rw", "osd": "allow rwx"},
}


class CephServer(Server):
    """A Ceph on loopback with one user; what it holds is in memory only, unless a subclass says otherwise."""

    name = "ceph"
    programs = (
        *("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin"),
        *("ceph", "ceph-authtool", "monmaptool", "openssl"),
    )
    start_seconds = 90
    size_bytes = 8 << 30
    objectstore = "memstore"
    """Where the store keeps its objects: `bluestore` is a file in the server's directory."""

    @property
    def url(self) -> str:
        """The endpoint with the key in it; the query names the port and the authority of the same over TLS."""
        query = f"tls_port={self._tls_port}&ca_file={self.directory}/authority.pem"
        return f"http://{ACCESS_KEY}:{SECRET_KEY}@127.0.0.1:{self.port}?{query}"

    def launch(self) -> None:
        """Format a monitor and a store, make the user, start all three in the foreground."""
        self._fsid = str(uuid.uuid4())
        self._tls_port = free_port()
        self._mon_port = free_port()
        self._make_certificates()
        self._write_configuration()
        self._make_keys()
        self._start_monitor()
        self._start_store()
        self._run(
            *("radosgw-admin", "user", "create", "--uid=test", "--display-name=test"),
            *(f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}"),
        )
        self.spawn("radosgw", "-f", "-c", self._conf, "-n", "client.rgw.a")

    def is_ready(self) -> bool:
        """Whether the gateway answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    @property
    def _conf(self) -> str:
        return str(self.directory / "ceph.conf")

    def _write_configuration(self) -> None:
        (self.directory / "ceph.conf").write_text(
            CONFIGURATION.format(
                fsid=self._fsid,
                home=self.directory,
                port=self.port,
                tls_port=self._tls_port,
                mon_port=self._mon_port,
                size_bytes=self.size_bytes,
                objectstore=self.objectstore,
            )
        )

    def _make_certificates(self) -> None:
        """An authority, and the gateway's certificate signed by it: an authority's own serves for no server."""
        self._make_certificate("authority", "basicConstraints=critical,CA:TRUE")
        self._make_certificate(
            "certificate",
            "basicConstraints=CA:FALSE",
            *("-addext", f"subjectAltName={HOST_NAMES}"),
            *("-CA", str(self.directory / "authority.pem"), "-CAkey", str(self.directory / "authority.key")),
        )

    def _make_certificate(self, name: str, extension: str, *options: str) -> None:
        self._call(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", extension, *options),
            *("-keyout", str(self.directory / f"{name}.key"), "-out", str(self.directory / f"{name}.pem")),
        )

    def _make_keys(self) -> None:
        """One keyring for every member: the monitor takes it over, so nothing has to be granted later."""
        keyring = str(self.directory / "keyring")
        self._call(
            "ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"
        )
        for member, grants in CAPABILITIES.items():
            caps = [word for grant in grants.items() for word in ("--cap", *grant)]
            self._call("ceph-authtool", keyring, "--gen-key", "-n", member, *caps)

    def _start_monitor(self) -> None:
        monmap = str(self.directory / "monmap")
        address = f"[v2:127.0.0.1:{self._mon_port}]"
        self._call(
            "monmaptool", "--create", "--clobber", "--fsid", self._fsid, "--addv", "a", address, monmap
        )
        (self.directory / "mon").mkdir()
        self._run(
            *("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap),
            *("--keyring", str(self.directory / "keyring")),
        )
        self.spawn("ceph-mon", "-f", "-c", self._conf, "-i", "a")

    def _start_store(self) -> None:
        store = str(uuid.uuid4())
        self._run("ceph", "--connect-timeout", str(STEP_SECONDS), "osd", "new", store, "0")
        (self.directory / "osd").mkdir()
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store)
        self.spawn("ceph-osd", "-f", "-c", self._conf, "-i", "0")
        deadline = time.monotonic() + STEP_SECONDS
        while b"1 up" not in self._run("ceph", "osd", "stat"):
            if time.monotonic() > deadline:
                raise ServerFailed(f"the store is not up:\n{self._log_tail()}")
            time.sleep(0.1)

    def _run(self, program: str, *arguments: str) -> bytes:
        """One of Ceph's own programs on this cluster."""
        return self._call(program, "-c", self._conf, *arguments)

    def _call(self, program: str, *arguments: str) -> bytes:
        with self.log_path.open("ab") as log:
            done = subprocess.run(
                [program_path(program), *arguments],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                timeout=STEP_SECONDS,
                check=False,
            )
        if done.returncode:
            raise ServerFailed(f"{program} failed:\n{self._log_tail()}")
        return done.stdout
