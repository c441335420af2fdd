import errno
import signal

import pytest

from pipelines.entrypoint import CONTINUES, InterruptionError, run
from pix2pix.errors import StorageError, UserError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("data.path: gone"), 1),
        (OSError(errno.EACCES, "no rights", "x"), 1),
        (StorageError("s3://bucket is gone"), 75),
        (ConnectionError("http://127.0.0.1:5000 does not answer"), 75),
        (TimeoutError("http://127.0.0.1:5000 does not answer"), 75),
    ],
)
def test_an_error_of_a_user_or_file_is_one_message_with_code_75_if_it_may_pass(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == code
    message = capsys.readouterr().err
    assert message == f"ERROR {error}\n"


def test_the_message_of_a_full_disk_has_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise OSError(errno.ENOSPC, "no space", "x")

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 75
    assert capsys.readouterr().err == (
        "ERROR [Errno 28] no space: 'x'; make room on the disk, then give the same command again\n"
    )


def test_under_dvc_the_message_says_how_to_restore_the_outputs_that_dvc_removed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "train")

    def main() -> None:
        raise UserError("bad")

    with pytest.raises(SystemExit):
        run(main)
    assert capsys.readouterr().err == (
        "ERROR bad\nINFO `dvc checkout --force train` brings back its earlier outputs, if any\n"
    )


@pytest.mark.parametrize(
    "defect",
    [KeyError("bug"), ValueError("bug"), OSError("bug"), FileNotFoundError(errno.ENOENT, "bug")],
)
def test_a_defect_of_the_program_keeps_its_traceback(defect: Exception) -> None:
    def main() -> None:
        raise defect

    with pytest.raises(type(defect), match="bug"):
        run(main)


def test_an_interruption_promises_only_what_the_entry_point_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 130
    assert capsys.readouterr().err == "ERROR interrupted\n"
    with pytest.raises(SystemExit):
        run(main, if_interrupted=CONTINUES)
    assert "the same command continues" in capsys.readouterr().err


@pytest.mark.parametrize(("is_usual", "level"), [(False, "ERROR"), (True, "INFO")])
def test_only_what_an_interruption_leaves_undone_is_an_error(
    is_usual: bool, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise InterruptionError("ended", signal.SIGTERM, is_usual=is_usual)

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 128 + signal.SIGTERM
    assert capsys.readouterr().err == f"{level} ended\n"
