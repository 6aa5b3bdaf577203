"""The command line starts at once: it loads nothing that only the data centre's processes need."""

import subprocess
import sys

HEAVY = ("boto3", "celery", "fastapi", "fsspec", "kombu", "numpy", "pyarrow", "sqlalchemy")


def test_the_commands_load_none_of_the_large_libraries() -> None:
    program = f"import sys, datacenter.cli.main; print(sorted({{*sys.modules}} & {{*{HEAVY}}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
