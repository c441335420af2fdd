"""What the README names exists."""

import importlib
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_it_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 120


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z][a-z-]+)", README))
    assert named >= {"run", "test", "ui"}
    assert named <= targets


def test_stages_are_run_by_the_environment_s_python() -> None:
    """DVC starts `python -m ...`, which must not be the system's."""
    rule = "--eval=show:; @printenv PATH"
    done = subprocess.run(
        ["make", "-s", "-C", str(ROOT), rule, "show"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split(":")[0] == str(ROOT / ".venv" / "bin")


def test_every_file_it_names_exists() -> None:
    folders = "benchmarks|data|deploy|docs|models|params|pipelines|pix2pix|reports|tests"
    made_by_a_run = {"data/raw", "models/"}
    named = set(re.findall(rf"[(`]((?:{folders})/[\w/.-]*)", README))
    assert named >= {"data/README.md", "deploy/", "params/", "reports/metrics.json", *made_by_a_run}
    assert {name for name in named if not (ROOT / name).exists()} <= made_by_a_run


def test_the_functions_it_names_exist() -> None:
    named = re.findall(r"`(\w+)[.(][^`]*` of `([\w.]+)`", README)
    assert ("Translator", "pix2pix.inference") in named
    for name, module in named:
        assert hasattr(importlib.import_module(module), name)
