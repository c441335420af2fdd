"""Only what may pass is tried again: a server, the network, storage; no name, no defect."""

import errno
import pickle
import sys
from pathlib import Path

import httpx
import pytest
from prefect import State

from pipelines.entrypoint import TRY_AGAIN
from pipelines.flows import commands
from pipelines.flows.outages import may_succeed_later, naming_outages
from pipelines.processes.shell import CommandFailedError, Shell, stage_environment
from pix2pix.errors import StorageError, UserError


def _failed(output: str, *, exit_code: int = 255) -> CommandFailedError:
    return CommandFailedError("register", exit_code=exit_code, output=output)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("MLflow does not answer"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        TimeoutError("no answer"),
        StorageError("the bucket is gone"),
        OSError(errno.ENOSPC, "no space"),
        OSError(errno.EIO, "a disk"),
        httpx.ConnectError("Prefect is gone"),
        httpx.ReadTimeout("Prefect is slow"),
        _failed("MLflow does not answer", exit_code=TRY_AGAIN),
        _failed(
            "ERROR: failed to reproduce 'register': failed to run: "
            "python -m pipelines.stages.register, exited with 75"
        ),
    ],
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    assert may_succeed_later(error)


@pytest.mark.parametrize(
    "error",
    [
        UserError("register.model_name: wrong"),
        ValueError("a defect"),
        KeyError("a defect"),
        FileNotFoundError(errno.ENOENT, "a wrong name"),
        PermissionError(errno.EACCES, "no rights"),
        _failed("ERROR: exited with 1"),
        _failed("ERROR: exited with 755"),
        _failed("Traceback ... connect(uri): a connection is a word in a traceback", exit_code=1),
        None,
        "a result",
    ],
)
def test_what_a_person_or_a_programmer_has_to_mend_is_not(error: object) -> None:
    assert not may_succeed_later(error)


# As DVC 3.67 has said them, with an S3 endpoint and an HTTP remote that were closed, a remote that
# does not exist, a program that is not installed, a folder that cannot be made.
@pytest.mark.parametrize(
    ("output", "is_outage"),
    [
        ('unexpected error - Could not connect to the endpoint URL: "http://127.0.0.1:9/b"', True),
        ("failed to transfer '76' - Cannot connect to host 127.0.0.1:9 [Errno 111]", True),
        ("unexpected error - An error occurred (SlowDown) when calling PutObject", True),
        ("unexpected error - An error occurred (InternalError) when calling PutObject", True),
        ("unexpected error - [Errno 28] No space left on device: '/remote/x'", True),
        ("Unable to acquire lock. Most likely another DVC process is running", True),
        ("failed to push data to the cloud - config file error: remote 'no' doesn't exist", False),
        ("failed to pull data from the cloud - 'no' does not exist as an output", False),
        ("unexpected error - ssh is supported, but requires 'dvc-ssh' to be installed", False),
        ("unexpected error - [Errno 2] No such file or directory: '/proc/nowhere'", False),
        ("unexpected error - An error occurred (NoSuchBucket) when calling PutObject", False),
        ("unexpected error - An error occurred (AccessDenied) when calling PutObject", False),
        ("unexpected error - Unable to locate credentials", False),
    ],
)
def test_dvc_says_by_its_words_whether_the_remote_failed_for_a_while(
    output: str, is_outage: bool
) -> None:
    kind = ConnectionError if is_outage else CommandFailedError
    with pytest.raises(kind), naming_outages():
        raise _failed(f"ERROR: {output}")


def test_the_tasks_ask_this_question() -> None:
    def is_tried_again(error: Exception) -> bool:
        state: State[object] = State(type="FAILED", data=error)
        return bool(commands.RETRIES["retry_condition_fn"](None, None, state))

    assert is_tried_again(ConnectionError("gone"))
    assert not is_tried_again(UserError("wrong"))
    assert not is_tried_again(ValueError("a defect"))


@pytest.mark.parametrize(
    ("raised", "is_tried_again"),
    [("ConnectionError('gone')", True), ("UserError('wrong')", False), ("KeyError('x')", False)],
)
def test_a_program_of_the_project_tells_by_its_exit_code(
    tmp_path: Path, root: Path, raised: str, is_tried_again: bool
) -> None:
    (tmp_path / "program.py").write_text(
        "from pipelines.entrypoint import run\nfrom pix2pix.errors import UserError\n"
        f"def main() -> None:\n    raise {raised}\nrun(main)\n"
    )
    shell = Shell(folder=tmp_path, environment=stage_environment(root), logs_dir=tmp_path)
    with pytest.raises(CommandFailedError) as failed:
        shell.run("program", [sys.executable, "program.py"], say=lambda _: None)
    assert may_succeed_later(failed.value) == is_tried_again
    assert failed.value.exit_code == (TRY_AGAIN if is_tried_again else 1)
    kept = pickle.loads(pickle.dumps(failed.value))  # as Prefect keeps it
    assert (str(kept), kept.exit_code) == (str(failed.value), failed.value.exit_code)
