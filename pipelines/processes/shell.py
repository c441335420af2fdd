"""Commands as processes that end with their caller, and whose output is kept and followed."""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from pipelines.processes import guardian
from pix2pix.errors import UserError

_LOOK_S = 0.2
_LAST_LINES = 30
_PATIENCE_S = 25.0  # Prefect kills a flow run 30 s after asking it to end

Say = Callable[[str], None]


class CommandFailedError(UserError):
    """A command ended with another code than 0; the message holds its last lines."""

    def __init__(self, name: str, *, exit_code: int, output: str) -> None:
        super().__init__(f"{name} failed (exit code {exit_code}):\n{output}")
        self.name, self.exit_code = name, exit_code
        self.output = output  # its last lines

    def __reduce__(self) -> tuple[Any, ...]:
        """How the error is pickled, which Prefect does with what a task raises."""
        return partial(type(self), exit_code=self.exit_code, output=self.output), (self.name,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shell:
    """Where commands run, and what they inherit."""

    folder: Path
    environment: Mapping[str, str]
    logs_dir: Path
    lifeline: tuple[int, ...] = ()  # files that the processes keep open, such as a lock
    linger_s: float = guardian.LINGER_S  # for what a command that has ended leaves behind

    def run(self, name: str, command: Sequence[str], *, say: Say) -> None:
        """Run `command` to its end, giving each line of its output to `say` as it comes.

        The output is appended to `<logs_dir>/<name>.log`, a file, not a pipe: a process that goes
        on for a moment after its caller was killed can still write. However this function is left,
        the whole process tree is ended; that is waited for 25 s at most. Raises CommandFailedError
        with the last lines of the output.
        """
        self.logs_dir.mkdir(parents=True, exist_ok=True)
        path = self.logs_dir / f"{name}.log"
        last: deque[str] = deque(maxlen=_LAST_LINES)
        with path.open("ab") as log:
            start = log.tell()
            process = self._start(command, log.fileno())
        try:
            with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
                lines.seek(start)
                for line in _follow(lines, process):
                    last.append(line)
                    say(line)
        finally:
            _end(process)
        if process.returncode:
            raise CommandFailedError(name, exit_code=process.returncode, output="\n".join(last))

    def run_module(self, name: str, module: str, *arguments: str, say: Say) -> None:
        """Run a module of Python with this interpreter, as `run` runs a command."""
        self.run(name, [sys.executable, "-m", module, *arguments], say=say)

    def _start(self, command: Sequence[str], output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            # The guardian of this installation, whatever code `folder` holds.
            [
                *(sys.executable, "-P", guardian.__file__),
                *("--linger-s", str(self.linger_s), *command),
            ],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=self.lifeline,
            start_new_session=True,  # signals to our process group do not reach it
        )


def stage_environment(project_dir: Path) -> dict[str, str]:
    """This environment, with the tools of this interpreter and the code of `project_dir` first."""
    before = os.environ.get("PYTHONPATH")
    return os.environ | {
        "PATH": path_with_tools(os.environ),
        "PYTHONPATH": os.pathsep.join([str(project_dir), *([before] if before else [])]),
        "PYTHONUNBUFFERED": "1",
    }


def path_with_tools(environment: Mapping[str, str]) -> str:
    """The PATH of `environment` with the folder of this interpreter and its tools first."""
    tools = str(Path(sys.executable).parent)
    return os.pathsep.join([tools, environment.get("PATH", os.defpath)])


def _follow(lines: TextIO, process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Each line as it is written, until the process has ended; empty ones left out."""
    pending, is_over = "", False
    while not is_over:
        is_over = process.poll() is not None
        *whole, pending = (pending + lines.read()).replace("\r", "\n").split("\n")
        yield from (line for line in whole if line.strip())
        if not is_over:
            time.sleep(_LOOK_S)
    if pending.strip():
        yield pending


def _end(process: subprocess.Popen[bytes]) -> None:
    """Cut the lifeline of a process that still runs."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return
