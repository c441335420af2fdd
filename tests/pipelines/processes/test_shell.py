"""Commands that end with their caller: real processes, real signals."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipelines.processes.shell import CommandFailedError, Shell, stage_environment
from pipelines.processes.tree import is_alive
from tests.support.waiting import until

# Starts a daemon in a session of its own, as Ray does, and saves when it is asked to end.
WORK = """
import pathlib, signal, subprocess, sys, time
daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                          start_new_session=True)
pathlib.Path("daemon.pid").write_text(str(daemon.pid))
def save(*_):
    time.sleep(0.5)
    print("saved", flush=True)
    pathlib.Path("saved").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
print("working", flush=True)
pathlib.Path("working").touch()
time.sleep(600)
"""
# Between us and the work: a program that starts it through a shell, as DVC does.
LAUNCHER = """
import subprocess, sys
sys.exit(subprocess.run([sys.executable + " work.py; exit 7"], shell=True).returncode)
"""
CALLER = """
import os, pathlib, sys
from pipelines.processes.shell import Shell
shell = Shell(folder=pathlib.Path.cwd(), environment=os.environ, logs_dir=pathlib.Path("logs"),
              linger_s=0.3)
shell.run("stage", [sys.executable, "launcher.py"], say=print)
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(
        folder=tmp_path,
        environment=stage_environment(tmp_path),
        logs_dir=tmp_path / "logs",
        linger_s=0.3,
    )


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _has_ended(pid: int) -> bool:
    try:
        return not is_alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def test_output_comes_line_by_line_and_is_kept(shell: Shell) -> None:
    said: list[str] = []
    shell.run("a", _python("print('one'); print('two\\rthree', end='')"), say=said.append)
    assert said == ["one", "two", "three"]
    shell.run("a", _python("print('four')"), say=said.append)
    assert said[3:] == ["four"]  # not what the first one had said
    assert (shell.logs_dir / "a.log").read_text().splitlines() == ["one", "two", "threefour"]


def test_a_failure_says_the_code_and_the_last_lines(shell: Shell) -> None:
    code = "import sys; [print('line', i) for i in range(100)]; sys.exit('the reason')"
    with pytest.raises(CommandFailedError) as failed:
        shell.run("train", _python(code), say=lambda line: None)
    lines = str(failed.value).splitlines()
    assert lines[0] == "train failed (exit code 1):"
    assert lines[1:] == [*(f"line {i}" for i in range(71, 100)), "the reason"]


def test_a_killed_command_has_the_code_of_a_shell(shell: Shell) -> None:
    with pytest.raises(CommandFailedError, match=r"exit code 137"):
        shell.run("x", _python("import os; os.kill(os.getpid(), 9)"), say=lambda line: None)


def test_daemons_that_a_finished_command_left_are_ended(shell: Shell) -> None:
    code = (
        "import pathlib, subprocess, sys\n"
        "daemon = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True)\n"
        "pathlib.Path('daemon.pid').write_text(str(daemon.pid))\n"
    )
    shell.run("x", _python(code), say=lambda line: None)
    daemon = int((shell.folder / "daemon.pid").read_text())
    until(lambda: _has_ended(daemon))


@pytest.fixture
def caller(shell: Shell, root: Path, signals_heard: None) -> subprocess.Popen[str]:
    """A process that runs `work.py` below a launcher and a shell."""
    (shell.folder / "work.py").write_text(WORK)
    (shell.folder / "launcher.py").write_text(LAUNCHER)
    running = subprocess.Popen(
        _python(CALLER),
        cwd=shell.folder,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    until((shell.folder / "working").exists)
    return running


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_when_the_caller_goes_the_work_saves_and_nothing_is_left(
    caller: subprocess.Popen[str], shell: Shell, number: signal.Signals
) -> None:
    tree = [child.pid for child in psutil.Process(caller.pid).children(recursive=True)]
    tree.append(int((shell.folder / "daemon.pid").read_text()))
    os.killpg(caller.pid, number)  # as a terminal and Prefect's worker do
    caller.communicate(timeout=60)
    until((shell.folder / "saved").exists)
    until(lambda: all(map(_has_ended, tree)))
    # What is said after the caller was killed is in the file all the same.
    assert "saved" in (shell.logs_dir / "stage.log").read_text()


def test_the_lifeline_stays_open_until_the_work_has_ended(shell: Shell, tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    with_lifeline = Shell(
        folder=shell.folder,
        environment=shell.environment,
        logs_dir=shell.logs_dir,
        lifeline=(write_end,),
    )
    with_lifeline.run("x", _python("print('done')"), say=lambda line: None)
    os.close(write_end)
    assert os.read(read_end, 1) == b""  # nobody else has it any more
    os.close(read_end)
