"""Commands that end with their lifeline, and what they have started with them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipelines.processes import guardian
from pipelines.processes.tree import is_alive
from tests.support.waiting import until

# Each writes down that it was asked to end. The command starts the child in a session of its own.
CHILD = """
import pathlib, signal, sys, time
def end(*_):
    with open("asked", "a") as asked:
        asked.write("child ")
    {at_sigterm}
signal.signal(signal.SIGTERM, end)
pathlib.Path("child runs").touch()
time.sleep(600)
"""
COMMAND = """
import pathlib, signal, subprocess, sys, threading, time
def end(*_):
    with open("asked", "a") as asked:
        asked.write("command ")
    {at_sigterm}
signal.signal(signal.SIGTERM, end)
child = subprocess.Popen([sys.executable, "child.py"], start_new_session=True)
threading.Thread(target=child.wait, daemon=True).start()
while not pathlib.Path("child runs").exists():
    time.sleep(0.02)
pathlib.Path("command runs").touch()
time.sleep(600)
"""
OBEY, REFUSE = "sys.exit(7)", "return"

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a command with a child under a guardian, which asks the command as well."""

    def start(*options: str, command: str = OBEY, child: str = OBEY) -> "subprocess.Popen[bytes]":
        (tmp_path / "command.py").write_text(COMMAND.format(at_sigterm=command))
        (tmp_path / "child.py").write_text(CHILD.format(at_sigterm=child))
        times = ("--grace-s", "1", "--linger-s", "1")
        guarded = subprocess.Popen(
            [sys.executable, guardian.__file__, *times, *options, sys.executable, "command.py"],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
        )
        until((tmp_path / "command runs").exists)
        return guarded

    return start


def _cut(guarded: "subprocess.Popen[bytes]") -> None:
    assert guarded.stdin is not None
    guarded.stdin.close()


def _tree(guarded: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    tree = psutil.Process(guarded.pid).children(recursive=True)
    assert len(tree) == 2
    return tree


@pytest.mark.parametrize("end", [_cut, subprocess.Popen.terminate])
def test_what_the_command_runs_is_asked_and_then_the_command(
    start: Start, tmp_path: Path, end: Callable[["subprocess.Popen[bytes]"], None]
) -> None:
    guarded = start("--ask-command")
    tree = _tree(guarded)
    end(guarded)
    assert guarded.wait(30) == 7
    assert (tmp_path / "asked").read_text() == "child command "
    assert not any(map(is_alive, tree))
    _cut(guarded)


@pytest.mark.slow
def test_a_command_that_is_not_asked_itself_is_given_time_and_killed(
    start: Start, tmp_path: Path
) -> None:
    guarded = start()
    tree = _tree(guarded)
    _cut(guarded)
    assert guarded.wait(30) == 137
    assert (tmp_path / "asked").read_text() == "child "
    assert not any(map(is_alive, tree))


@pytest.mark.slow
def test_what_does_not_end_is_killed(start: Start, tmp_path: Path) -> None:
    guarded = start("--ask-command", command=REFUSE, child=REFUSE)
    tree = _tree(guarded)
    _cut(guarded)
    assert guarded.wait(30) == 137
    assert (tmp_path / "asked").read_text() == "child command child "
    assert not any(map(is_alive, tree))


def test_a_killed_command_takes_what_it_has_started_with_it(start: Start, tmp_path: Path) -> None:
    guarded = start("--ask-command")
    tree = _tree(guarded)
    psutil.Process(guarded.pid).children()[0].kill()
    assert guarded.wait(30) == 137
    assert (tmp_path / "asked").read_text() == "child "
    assert not any(map(is_alive, tree))
    _cut(guarded)


def test_it_uses_no_code_of_the_folder_in_which_it_runs(tmp_path: Path) -> None:
    """The workspace of a flow run may hold other code of the project."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").write_text("raise RuntimeError")
    command = [sys.executable, "-P", guardian.__file__, sys.executable, "-c", "print('ran')"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as guarded:
        assert guarded.wait(30) == 0
        assert guarded.stdout is not None
        assert guarded.stdout.read() == "ran\n"
