"""The tests that are set up together are run by one process (`make test`)."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE = "tests/pix2pix/tuning/test_seed_band.py"


@pytest.mark.slow
def test_pytest_xdist_is_told_the_group_of_each_test() -> None:
    options = ["-n", "1", "--dist", "loadgroup", "--no-loadscope-reorder", "-v"]
    command = [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", FILE]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    passed = [line.split("PASSED ")[1].strip() for line in shown.splitlines() if "PASSED" in line]
    assert passed
    assert [test for test in passed if not test.endswith(f"@{FILE}")] == []
