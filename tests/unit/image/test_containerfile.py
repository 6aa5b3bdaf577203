"""The Containerfile says what the image has to be: pinned, small, without a compiler, run by any user."""

import json
import re
import shlex
import tomllib

import pytest
from dockerfile_parse import DockerfileParser
from support.chart.containerfile import REPOSITORY, stages, texts

BUILDER, IMAGE = stages()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
PINNED = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def variables(stage) -> dict[str, str]:
    return dict(pair.split("=", 1) for text in texts(stage, "ENV") for pair in shlex.split(text))


def pins(lock: str) -> dict[str, str]:
    return dict(PINNED.findall((REPOSITORY / lock).read_text()))


def test_every_stage_stands_on_one_base_pinned_by_its_whole_version() -> None:
    with (REPOSITORY / "Containerfile").open("rb") as file:
        bases = DockerfileParser(fileobj=file).parent_images

    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases[0])


def test_whatever_is_downloaded_is_checked_against_a_hash() -> None:
    for command in texts(BUILDER, "RUN"):
        for step in command.split("&&"):
            if re.search(r"\bpip\b.* (install|wheel) ", step):
                assert "--require-hashes" in step or "--no-index" in step or step.rstrip().endswith(" .")
                assert "--no-build-isolation" in step or " wheel " not in step


def test_the_image_takes_nothing_but_the_environment_that_was_built() -> None:
    assert texts(IMAGE, "COPY") == ["--from=builder /opt/datacenter /opt/datacenter"]
    assert not texts(IMAGE, "ADD")


@pytest.mark.parametrize("program", ["apt-get", "pip", "gcc", "curl", "wget", "build-essential"])
def test_nothing_is_installed_in_the_image(program: str) -> None:
    assert not [command for command in texts(IMAGE, "RUN") if program in command]


def test_it_runs_as_a_user_with_a_number_that_kubernetes_can_tell_from_root() -> None:
    last = [step for step in IMAGE if step.instruction in ("USER", "RUN", "CMD")][-2:]

    assert [(step.instruction, step.text) for step in last] == [
        ("USER", "10001:10001"),
        ("CMD", '["datacenter", "serve"]'),
    ]
    assert texts(IMAGE, "WORKDIR")[-1] == "/app"


def test_the_programs_are_found_and_are_process_1_themselves() -> None:
    assert variables(IMAGE)["PATH"].startswith("/opt/datacenter/bin:")
    assert json.loads(texts(IMAGE, "CMD")[0])[0] in PROJECT["scripts"]
    assert not texts(IMAGE, "ENTRYPOINT")
    assert texts(IMAGE, "STOPSIGNAL") == ["SIGTERM"]


def test_settings_are_read_where_they_are_mounted_and_nothing_is_written_beside_the_code() -> None:
    given = variables(IMAGE)

    assert given["DATACENTER_CONFIG"] == "/etc/datacenter/settings.yaml"
    assert given["PYTHONDONTWRITEBYTECODE"] == "1"
    assert not any("KEY" in name or "PASSWORD" in name or "SECRET" in name for name in given)


def test_its_health_is_asked_of_the_program_that_it_runs() -> None:
    (check,) = texts(IMAGE, "HEALTHCHECK")

    assert check.endswith('CMD exec datacenter health "${DATACENTER_ROLE}"')
    assert variables(IMAGE)["DATACENTER_ROLE"] == "web"


def test_its_labels_say_the_projects_version_and_licence() -> None:
    (labels,) = texts(IMAGE, "LABEL")

    assert f"VERSION={PROJECT['version']}" in texts(IMAGE, "ARG")
    assert f'licenses="{PROJECT["license"]["text"]}"' in labels
    for name in ("title", "description", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {name for text in texts(BUILDER, "COPY") for name in shlex.split(text)[:-1]}

    assert "*" in lines
    assert let_in == copied
    assert all((REPOSITORY / name).exists() for name in copied)


def test_the_images_lock_holds_every_dependency_at_the_version_that_was_tested() -> None:
    tested, image = pins("requirements.lock"), pins("requirements-image.lock")
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["embedded"]]
    names = {re.split(r"[\[<>=]", text, maxsplit=1)[0] for text in wanted}

    assert names <= image.keys()
    assert image.items() <= tested.items()
    assert not {"pytest", "mypy", "moto", "setuptools", "hatchling"} & image.keys()


def test_what_the_image_is_built_with_is_locked_too() -> None:
    wanted = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["dependency-groups"]["image-build"]

    assert set(wanted) <= pins("requirements-build.lock").keys()
