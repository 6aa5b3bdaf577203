"""The home: private, locked by one process, its settings written once."""

import socket
import stat

import pytest
import yaml

from datacenter.cli.embedded import valkey
from datacenter.cli.embedded.home import Home
from datacenter.cli.embedded.readiness import free_port
from datacenter.cli.errors import WrongUse


@pytest.fixture
def home(tmp_path):
    place = Home.at(tmp_path / "home with a space")
    place.prepare()
    return place


def test_a_new_home_is_private(home):
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.secret_key_file.stat().st_mode) == 0o600
    assert len(home.secret_key_file.read_text()) >= 32
    assert stat.S_IMODE(home.registration_key_file.stat().st_mode) == 0o600


def test_what_a_user_edited_is_kept(home):
    home.config.write_text("web: {port: 9000}\n")
    secret = home.secret_key_file.read_text()

    home.prepare()

    assert yaml.safe_load(home.config.read_text()) == {"web": {"port": 9000}}
    assert home.secret_key_file.read_text() == secret


def test_a_home_is_held_by_one_at_a_time(home):
    with home.locked(), pytest.raises(WrongUse, match=r"already running in"), Home.at(home.root).locked():
        pass
    with home.locked():
        pass


def test_a_home_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(WrongUse, match="cannot create the home"):
        Home.at(tmp_path / "file" / "home").prepare()


def test_a_socket_path_that_is_too_long_moves_to_a_private_directory_that_is_removed(tmp_path):
    deep = Home.at(tmp_path / ("d" * 120))
    deep.prepare()

    with valkey.socket_path(deep) as path:
        assert len(str(path)) <= valkey.SOCKET_PATH_BYTES
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.parent.exists()


def test_the_socket_directory_of_an_up_that_was_killed_is_removed_by_the_next(tmp_path):
    deep = Home.at(tmp_path / ("d" * 120))
    deep.prepare()
    killed = tmp_path / "datacenter-killed"
    killed.mkdir()
    (deep.root / "socket").symlink_to(killed)

    with valkey.socket_path(deep):
        assert not killed.exists()


def test_a_port_in_use_is_refused_and_0_finds_a_free_one():

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(WrongUse, match="cannot be used"):
            free_port("127.0.0.1", taken.getsockname()[1])
    assert free_port("127.0.0.1", 0) > 0
