"""What a worker does after losses that are not finite, without Ray."""

import math
from pathlib import Path
from typing import Any, cast

import pytest
import safetensors
import torch

from pipelines.runs.folder import open_folder
from pipelines.runs.state import NON_FINITE_FOLDER
from pipelines.training import loop
from pipelines.training.loop import Outcome, Training, train_with_rollbacks
from pix2pix.config import Params
from pix2pix.data.batch import Batch
from pix2pix.training import NonFiniteLossError
from tests.support.small_training import with_train

STEP = 7
BATCH = Batch(
    torch.full((2, 1, 3, 3), 0.25),
    torch.full((2, 3, 3, 3), math.nan),
    ("one", "other"),
    torch.ones(2, 1, 3, 3, dtype=torch.bool),
)


def failing(patch: pytest.MonkeyPatch, *, times: int, is_here: bool = True) -> list[Training]:
    """A training that so many times ends with a loss that is not finite; gets each try."""
    tries: list[Training] = []

    def train(training: Training) -> Outcome:
        tries.append(training)
        if len(tries) <= times:
            error = NonFiniteLossError({"l1": math.nan}, STEP, is_here=is_here)
            error.batch = BATCH
            raise error
        return Outcome()

    patch.setattr(loop, "_train", train)
    return tries


def training_in(folder: Path, params: Params, *, max_rollbacks: int) -> Training:
    nothing = cast(Any, None)
    return Training(
        params=with_train(params, max_rollbacks=max_rollbacks),
        manifest=nothing,
        dev=nothing,
        batches=nothing,
        run=open_folder(str(folder)),
        live_run=None,
        parent=None,
        console=nothing,
    )


@pytest.mark.parametrize("times", [0, 1, 2])
def test_it_goes_back_as_often_as_it_may(
    tmp_path: Path, small_params: Params, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    tries = failing(monkeypatch, times=times)
    training = training_in(tmp_path, small_params, max_rollbacks=2)
    assert train_with_rollbacks(training) == Outcome()
    assert tries == [training] * (times + 1)


@pytest.mark.parametrize("max_rollbacks", [0, 2])
def test_one_time_more_is_a_failure_that_names_the_file_of_the_batch(
    tmp_path: Path, small_params: Params, monkeypatch: pytest.MonkeyPatch, max_rollbacks: int
) -> None:
    tries = failing(monkeypatch, times=99)
    outcome = train_with_rollbacks(training_in(tmp_path, small_params, max_rollbacks=max_rollbacks))
    assert len(tries) == max_rollbacks + 1
    path = tmp_path / NON_FINITE_FOLDER / "step_000000007" / "rank_0.safetensors"
    said = (outcome.failure or "").splitlines()
    assert said[0].startswith("non-finite loss in step 7 (l1 nan)")
    assert said[1:] == [
        f"The batch is in {path}",
        f"Going back to the last checkpoint {max_rollbacks} times is allowed",
    ]
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata() == {"pair_ids": "one\nother"}
        for name, images in zip(("source", "target", "valid"), (*BATCH[:2], BATCH[3]), strict=True):
            torch.testing.assert_close(file.get_tensor(name), images, equal_nan=True)


def test_a_batch_of_another_worker_is_not_written_here(
    tmp_path: Path, small_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, times=1, is_here=False)
    train_with_rollbacks(training_in(tmp_path, small_params, max_rollbacks=1))
    assert not (tmp_path / NON_FINITE_FOLDER).exists()
