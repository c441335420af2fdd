"""Large sets are checked and prepared in processes, with the results that threads give."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines.processes.tree import is_alive
from pix2pix.errors import UserError
from pix2pix.preparation import parallel
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.parallel import map_in_order
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import BadPairsError, CheckReport, as_dict
from tests.support.drawn_pairs import draw, make_config, save_pair, write_sound
from tests.support.folders import contents
from tests.support.small_sets import save
from tests.support.volume_pairs import volume_config, write_volumes
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("_in_processes")]


@pytest.fixture
def _in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_FEWEST_FOR_PROCESSES", 1)


@pytest.mark.parametrize("resize", ["stretch", "none"])
def test_the_prepared_files_and_the_report_are_those_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resize: str
) -> None:
    write_sound(tmp_path / "raw", num_train=40)
    config = make_config(resize=resize, load_size=36 if resize == "stretch" else None)
    _, report = prepare_pairs(tmp_path / "raw", tmp_path / "out", config, num_workers=2)
    monkeypatch.setattr(parallel, "_FEWEST_FOR_PROCESSES", 1000)
    _, expected = prepare_pairs(tmp_path / "raw", tmp_path / "expected", config, num_workers=2)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")
    assert as_dict(report) == as_dict(expected)


def test_bad_pairs_are_reported_as_by_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sound(tmp_path, num_train=40)
    (tmp_path / "B" / "train" / "3.png").write_bytes(b"no image")
    save_pair(tmp_path, "train/17", draw(17)[0], draw(17, 44)[1])
    save(tmp_path / "A" / "train" / "20.png", draw(20)[0] + 200)

    def refusal() -> str:
        with pytest.raises(BadPairsError) as caught:
            prepare_pairs(tmp_path, tmp_path / "out", make_config(), num_workers=2)
        return str(caught.value)

    said = refusal()
    monkeypatch.setattr(parallel, "_FEWEST_FOR_PROCESSES", 1000)
    assert said == refusal()
    assert all(name in said for name in ("3.png", "17.png", "20.png"))


def _fail(item: int) -> int:
    if item == 50:
        raise UserError("item 50 is bad", for_sender="it is bad")
    return item


def test_an_error_reaches_the_caller_with_all_that_it_says() -> None:
    with pytest.raises(UserError, match="item 50 is bad") as caught:
        list(map_in_order(_fail, range(200), label="check", num_workers=2))
    assert caught.value.for_sender == "it is bad"


def _be_killed(item: int) -> int:
    if item == 50:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_a_killed_process_ends_the_work_with_one_sentence() -> None:
    with pytest.raises(UserError, match="check: a process that read images ended unexpectedly"):
        list(map_in_order(_be_killed, range(200), label="check", num_workers=2))


def test_a_file_that_is_damaged_after_the_checks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sound(tmp_path / "raw", num_train=40)
    damaged = tmp_path / "raw" / "B" / "train" / "27.png"

    def damage(*args: object, **options: object) -> CheckReport:
        report = check_pairs(*args, **options)
        damaged.write_bytes(b"no image")
        return report

    monkeypatch.setattr("pix2pix.preparation.prepare.check_pairs", damage)
    with pytest.raises(UserError, match=r"train/27'.*27\.png.*changed during the run"):
        prepare_pairs(tmp_path / "raw", tmp_path / "out", make_config(), num_workers=2)
    assert not (tmp_path / "out").exists()


def test_volumes_are_unpacked_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise RuntimeError("processes")

    monkeypatch.setattr(parallel, "ProcessPool", refuse)
    write_volumes(tmp_path / "volumes")
    prepare_pairs(tmp_path / "volumes", tmp_path / "out", volume_config(), num_workers=2)
    write_sound(tmp_path / "images")
    with pytest.raises(RuntimeError, match="processes"):
        prepare_pairs(tmp_path / "images", tmp_path / "other", make_config(), num_workers=2)


_STOPPED = """
import os
from pipelines.entrypoint import run
from tests.pix2pix.preparation.test_processes import map_in_order, parallel, slow

def main():
    parallel._FEWEST_FOR_PROCESSES = 1
    print("begun", flush=True)
    for result in map_in_order(slow, range(10_000), label="check", num_workers=2):
        print(result, flush=True)

if __name__ == "__main__":
    run(main)
"""


def slow(_item: int) -> int:
    """The id of the process that works on an item for a moment."""
    time.sleep(0.25)
    return os.getpid()


@pytest.mark.parametrize(
    ("how", "times", "is_working"),
    [
        (signal.SIGKILL, 1, True),
        (signal.SIGTERM, 1, True),
        (signal.SIGTERM, 2, True),
        (signal.SIGINT, 1, True),
        (signal.SIGINT, 2, True),
        (signal.SIGINT, 1, False),  # while the processes start
    ],
)
def test_the_processes_end_with_the_stage_however_it_ends(
    tmp_path: Path, how: signal.Signals, times: int, is_working: bool
) -> None:
    script = tmp_path / "stopped.py"
    script.write_text(_STOPPED)
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "begun\n"
        if is_working:
            parent.stdout.readline()
        else:
            time.sleep(0.3)
        processes = psutil.Process(parent.pid).children(recursive=True)
        assert len(processes) >= 2
        for number in range(times):
            time.sleep(0.3 * number)
            # Ctrl-C reaches all processes of the terminal.
            (os.killpg if how == signal.SIGINT else os.kill)(parent.pid, how)
        _, said = parent.communicate(timeout=30)
    until(lambda: not any(is_alive(process) for process in processes))
    assert parent.returncode in (-how, 128 + how)
    assert "Traceback" not in said
