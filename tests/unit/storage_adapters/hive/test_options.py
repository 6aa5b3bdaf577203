"""A Hive storage is opened by URL and options, those of its staging storage among them; no password is ever shown."""

import pytest

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.hive import HiveFileSystem, HiveStorage
from storage_adapters.options import OptionValue

SERVER = "hive://us%40er:p%2Fw@hs2"


def test_url_and_options_make_one_thing_and_options_win() -> None:
    options = HiveStorage.from_url(f"{SERVER}:10001", {"password": "other", "tls": "required"})._options
    assert (options.host, options.port, options.user, options.password) == ("hs2", 10001, "us@er", "other")
    assert "other" not in repr(options)
    assert HiveStorage.from_url(SERVER, {})._options.port == 10000


@pytest.mark.parametrize(
    ("url", "options", "word"),
    [
        ("hive://u:secret@hs2:port", {}, "form"),
        ("mysql://u:secret@hs2", {}, "hive://"),
        ("hive://u:secret@hs2?ssl=0", {}, "without"),
        ("hive://:secret@hs2", {}, "user"),
        ("hive://u:secret@", {}, "host"),
        ("hive://u:secret@hs2", {"tls": "maybe"}, "'tls'"),
        ("hive://u:secret@hs2", {"login": "kerberos"}, "'login'"),
        ("hive://u@hs2", {"login": "ldap"}, "'password'"),
        ("hive://u:secret@hs2", {"colour": "blue"}, "'colour'"),
        ("hive://u:secret@hs2", {"stall_seconds": 0}, "Seconds"),
        ("hive://u:secret@hs2", {"staging_user": "etl"}, "'staging'"),
        ("hive://u:secret@hs2", {"engine_staging": "/tmp"}, "'staging'"),
        ("hive://u:secret@hs2", {"staging": "floppy://a/b", "engine_staging": "/b"}, "'floppy'"),
        ("hive://u:secret@hs2", {"staging": "hdfs://nn/b", "staging_colour": "blue"}, "'colour'"),
        ("hive://u:secret@hs2", {"staging": "nas:///mnt/staging"}, "'engine_staging'"),
        ("hive://u:secret@hs2", {"staging": "hdfs://nn/b", "engine_staging": "/b' USING x"}, "letters"),
    ],
)
def test_what_cannot_work_is_named_without_the_password(
    url: str, options: dict[str, OptionValue], word: str
) -> None:
    with pytest.raises(ConfigurationInvalid, match=word) as caught:
        HiveStorage.from_url(url, options)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "engine_url"),
    [
        ({"staging": "hdfs://nn:8020/tmp/staging/"}, "hdfs://nn:8020/tmp/staging"),
        ({"staging": "webhdfs://nn:9870/tmp/staging", "staging_user": "etl"}, "/tmp/staging"),
        ({"staging": "webhdfs://nn:9870/a", "engine_staging": "hdfs://ns/a"}, "hdfs://ns/a"),
        (
            {
                "staging": "ceph://bucket/a",
                "engine_staging": "s3a://bucket/a",
                "staging_endpoint": "http://rgw",
                "staging_access_key": "key",
                "staging_secret_key": "secret",
            },
            "s3a://bucket/a",
        ),
    ],
)
def test_the_staging_directory_has_a_name_for_us_and_one_for_the_engine(
    options: dict[str, OptionValue], engine_url: str
) -> None:
    staging = HiveStorage.from_url(SERVER, options)._staging
    assert staging is not None
    assert staging.engine_url == engine_url


def test_a_filesystem_takes_the_same_options_and_leaves_the_rest_to_fsspec() -> None:
    fs = HiveFileSystem(host="hs2", user="u", staging="hdfs://nn/b", staging_threads=2, asynchronous=False)
    assert fs.unstrip_protocol("sales/orders.parquet") == "hive://hs2:10000/sales/orders.parquet"
    assert HiveFileSystem._get_kwargs_from_urls(f"{SERVER}/sales/a?b.parquet") == {
        "host": "hs2",
        "user": "us@er",
        "password": "p/w",
    }
