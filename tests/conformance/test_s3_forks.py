"""A forked process can use a storage that its parent used, without harm to either."""

import subprocess
import sys
from uuid import uuid4

from support.storages.s3_places import CEPH_BUCKET, Gateway

PROGRAM = """
import os, sys, warnings
from storage_adapters.ceph import CephStorage
from storage_adapters.object_storage.contract import ByteRange, NewObject

warnings.simplefilter("ignore", DeprecationWarning)
url, endpoint = sys.argv[1:]
options = {"endpoint": endpoint, "access_key": "testaccess", "secret_key": "testsecret"}
storage = CephStorage.from_url(url, options)


def use(key):
    assert [outcome.error for outcome in storage.put_many([NewObject(key=key, data=b"0123")])] == [None]
    wanted = [ByteRange(key=key, offset=0, length=2), ByteRange(key=key, offset=2, length=2)]
    assert list(storage.read_ranges(wanted)) == [b"01", b"23"]
    assert storage.fs.cat_file(key) == b"0123"
    assert key in [info.key for info in storage.list_objects("")]


use("parent")
child = os.fork()
if child == 0:
    status = 1
    try:
        use("child")
        status = 0
    finally:
        os._exit(status)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
use("parent again")
"""


def test_a_fork_uses_the_storage_of_its_parent(moto: Gateway) -> None:
    url = f"ceph://{moto.make_bucket(CEPH_BUCKET)}/{uuid4().hex}"
    subprocess.run([sys.executable, "-c", PROGRAM, url, moto.endpoint], check=True, timeout=60)
