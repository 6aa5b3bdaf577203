"""Every file of acceptance tests is in the table of rounds, and the table names nothing that is not there."""

import ast
from pathlib import Path

import pytest
from services.rounds import ACCEPTANCE, ONLY, ROUNDS, TESTS, acceptance

FILES = {path.name: path for path in (TESTS / "acceptance").glob("test_*.py")}


def names_in(path: Path) -> set[str]:
    """The names of the tests of a file."""
    tree = ast.parse(path.read_text())
    return {
        item.name for item in tree.body if isinstance(item, ast.FunctionDef) and item.name.startswith("test_")
    }


def test_every_file_of_acceptance_tests_has_its_row_and_no_other_has() -> None:
    assert set(ACCEPTANCE) == set(FILES)


def test_rounds_are_named_once_and_every_named_one_is_there() -> None:
    names = [round_.name for round_ in ROUNDS]

    assert len(set(names)) == len(names)
    assert {name for rounds in ACCEPTANCE.values() for name in rounds} <= set(names)


@pytest.mark.parametrize(("round_name", "file"), ONLY)
def test_single_tests_are_chosen_of_a_file_that_another_round_runs_whole(round_name: str, file: str) -> None:
    assert set(ONLY[round_name, file]) <= names_in(FILES[file])
    assert round_name in ACCEPTANCE[file]
    assert [name for name in ACCEPTANCE[file] if (name, file) not in ONLY]


@pytest.mark.parametrize("round_", ROUNDS, ids=lambda round_: round_.name)
def test_a_round_runs_the_acceptance_names_in_its_column_and_no_other_path_that_is_not_there(round_) -> None:
    chosen = acceptance(round_.name)

    assert [path for path in round_.arguments if "/acceptance" in path] == list(chosen)
    assert all(Path(path.partition("::")[0]).exists() for path in round_.arguments if path.startswith("/"))


def test_a_file_without_a_round_has_no_test_that_make_test_leaves_out() -> None:
    alone = [file for file, rounds in ACCEPTANCE.items() if not rounds]

    assert [file for file in alone if "mark.real" in FILES[file].read_text()] == []
