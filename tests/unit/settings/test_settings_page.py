"""The page of all settings says what the classes say."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]


def test_the_page_of_the_settings_is_what_the_classes_say() -> None:
    checked = subprocess.run(
        [sys.executable, "tools/settings_page.py", "--check"],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stderr
