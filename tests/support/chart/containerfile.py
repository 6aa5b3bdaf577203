"""The Containerfile as its stages and instructions, for the tests of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockerfile_parse import DockerfileParser

REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True)
class Step:
    """One instruction, with its continuation lines."""

    instruction: str
    text: str


def stages() -> list[list[Step]]:
    """The stages in their order, each beginning with its FROM."""
    found: list[list[Step]] = []
    for step in _steps():
        if step.instruction == "FROM":
            found.append([])
        if found:
            found[-1].append(step)
    return found


def texts(stage: list[Step], instruction: str) -> list[str]:
    """The texts of this instruction in a stage."""
    return [step.text for step in stage if step.instruction == instruction]


def _steps() -> Iterator[Step]:
    with (REPOSITORY / "Containerfile").open("rb") as file:
        for found in DockerfileParser(fileobj=file).structure:
            if found["instruction"] != "COMMENT":
                yield Step(found["instruction"], " ".join(found["value"].split()))
