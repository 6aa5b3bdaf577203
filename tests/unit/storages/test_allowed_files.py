"""Files that options name: only those in listed directories, whatever way leads there."""

import os
from pathlib import Path

import pytest

from datacenter.errors import Invalid, SettingsInvalid
from datacenter.settings.loading import load_settings
from datacenter.settings.model import Settings
from datacenter.storages.allowed import FILE_OPTION, check_files
from storage_adapters.ceph import CephOptions
from storage_adapters.hdfs.options import HdfsOptions, WebHdfsOptions
from storage_adapters.hive.options import HiveOptions
from storage_adapters.mysql.options import MysqlOptions


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    directory = tmp_path / "certificates"
    directory.mkdir()
    (tmp_path / "certificates-of-others").mkdir()
    os.symlink(tmp_path, directory / "out")
    os.symlink(directory, tmp_path / "in")
    return directory


def _settings(*files: Path, environment: str = "production") -> Settings:
    return Settings(environment=environment, registration={"files": [str(file) for file in files]})


@pytest.mark.parametrize("file", ["ca.pem", "deep/er/ca.pem", "../certificates/ca.pem", "../in/ca.pem", ""])
def test_a_file_in_a_listed_directory_may_be_named(listed: Path, file: str) -> None:
    check_files(_settings(listed), {"ca_file": f"{listed}/{file}" if file else "", "threads": 8})


@pytest.mark.parametrize(
    "file", ["../ca.pem", "out/ca.pem", "../certificates-of-others/ca.pem", "deep/../../ca.pem", "a\0b"]
)
def test_no_other_file_may_be_however_it_is_written(listed: Path, file: str) -> None:
    with pytest.raises(Invalid, match=r"registration\.files") as refused:
        check_files(_settings(listed), {"ca_file": f"{listed}/{file}"})
    assert refused.value.field == "options.ca_file"


def test_a_name_that_depends_on_where_the_server_was_started_may_not_be_given(
    listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(listed)
    with pytest.raises(Invalid):
        check_files(_settings(listed), {"ca_file": "ca.pem"})


def test_without_a_list_every_file_may_be_named_in_development_and_none_in_production(listed: Path) -> None:
    check_files(_settings(environment="development"), {"ca_file": "/etc/passwd"})
    for settings in (_settings(), _settings(listed, environment="development")):
        with pytest.raises(Invalid):
            check_files(settings, {"ca_file": "/etc/passwd"})


def test_a_listed_directory_is_an_absolute_path() -> None:
    with pytest.raises(
        SettingsInvalid, match=r"registration\.files: each must be the absolute path of a directory"
    ):
        load_settings(registration={"files": ["certificates"]})


def test_every_option_of_an_adapter_that_names_a_file_is_known() -> None:
    shapes = (CephOptions, HdfsOptions, WebHdfsOptions, HiveOptions, MysqlOptions)
    options = {name for shape in shapes for name in shape.__dataclass_fields__}
    assert {name for name in options if FILE_OPTION.search(name)} == {
        "ca_file",
        "config_dir",
        "tls_ca",
        "tls_certificate",
        "tls_key",
    }
