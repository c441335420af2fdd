"""A disk that is full and a kill at any moment: nothing half written, and the next run succeeds.

Ray's stages are killed in tests/pipelines/training/test_driver_faults.py.
"""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipelines.entrypoint import TRY_AGAIN, run
from pipelines.repository.presets import complete_preset
from pipelines.stages import ingest, prepare
from pix2pix.training_checkpoint import save_training
from tests.support.file_size_limit import files_of_at_most
from tests.support.folders import file_hashes

ROOT = Path(__file__).parents[3]
_STAGES: dict[str, Callable[[], None]] = {"ingest": ingest.main, "prepare": prepare.main}
_OUTPUTS = {"ingest": "data/raw", "prepare": "data/prepared"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four drawn pairs of 32 px; the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(complete_preset("smoke", ROOT))
    return tmp_path


@pytest.mark.parametrize("stage", _STAGES)
def test_a_full_disk_ends_a_stage_with_one_message_and_the_next_run_succeeds(
    project: Path, stage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "basicConfig", lambda **options: None)  # keeps caplog's handler
    if stage == "prepare":
        run(ingest.main)
    with files_of_at_most(2000), pytest.raises(SystemExit) as caught:
        run(_STAGES[stage])
    assert caught.value.code in (1, TRY_AGAIN)  # EFBIG itself lasts, a full disk may not
    (said,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert _OUTPUTS[stage].split("/")[1] in said.getMessage()
    assert "room" in said.getMessage()
    assert said.exc_info is None
    assert not Path(_OUTPUTS[stage]).exists()
    assert not list(project.rglob("*.partial"))
    run(_STAGES[stage])
    assert file_hashes(project / _OUTPUTS[stage])


_KILLED = """
import os, signal, sys
import numpy as np
from pipelines.stages import ingest, prepare
from pix2pix.preparation import prepare as preparing
from pix2pix.sources import synthetic

def dying(function, moment):
    left = [moment]
    def call(*args, **options):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)
    return call

stage, moment = sys.argv[1], int(sys.argv[2])
synthetic.write_bytes = dying(synthetic.write_bytes, moment)
preparing.create_arrays = dying(preparing.create_arrays, moment)
{"ingest": ingest, "prepare": prepare}[stage].main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "moment"), [("ingest", 1), ("ingest", 6), ("prepare", 2)])
def test_a_killed_stage_leaves_what_was_there_and_the_next_run_what_an_undisturbed_one_makes(
    project: Path, stage: str, moment: int
) -> None:
    ingest.main()
    prepare.main()
    before = file_hashes(project / "data")
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, stage, str(moment)], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert list((project / "data").glob(".*.partial")), "killed before it wrote or after it"
    output = project / _OUTPUTS[stage]
    assert (
        file_hashes(output).items()
        <= {
            name.split("/", 1)[1]: digest
            for name, digest in before.items()
            if name.startswith(f"{output.name}/")
        }.items()
    )
    _STAGES[stage]()
    assert file_hashes(project / "data") == before


def test_a_checkpoint_that_the_disk_refuses_is_named(tmp_path: Path) -> None:
    with files_of_at_most(2000), pytest.raises(OSError, match=r"state\.pt"):
        save_training(tmp_path / "state.pt", {"weights": torch.zeros(10_000)})
