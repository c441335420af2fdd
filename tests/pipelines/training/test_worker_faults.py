"""After lost workers and non-finite losses, a training ends with the bits of an undisturbed one."""

import logging
import random
from pathlib import Path

import pytest
import ray.train
import safetensors.torch
import torch

from pipelines.runs.checkpoints import checkpoints, read_checkpoint
from pipelines.runs.dataset import DatasetSource
from pipelines.runs.state import NON_FINITE_FOLDER
from pix2pix.config import Params
from pix2pix.errors import UserError
from tests.support.faults import (
    Kill,
    kernels_worker,
    killing_worker,
    limited_worker,
    poisoning_worker,
    use_worker,
)
from tests.support.shared_ray import TWO, Undisturbed
from tests.support.small_training import (
    assert_same,
    begin,
    checkpoints_of,
    last_state,
    run,
    steady,
    with_train,
)

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("cluster")]


@pytest.fixture
def happened(tmp_path: Path) -> Path:
    (tmp_path / "happened").mkdir()
    return tmp_path / "happened"


def test_a_killed_worker_and_a_passing_nan_change_nothing_on_all_ranks(
    training: Params,
    pairs: DatasetSource,
    together: Undisturbed,
    happened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Rank 1 is killed in a step; the group that goes on meets a NaN twice, on rank 1 alone.

    `tests/soak/test_killed_workers.py` kills twenty. The training that nothing happens to is
    profiled, and this one is not.
    """
    draw = random.Random(0)
    kill = Kill(draw.randrange(2, 4), rank=1, delay_s=draw.uniform(0.0, 0.1))
    poisoned = poisoning_worker(7, happened, times=2, on_rank=1)
    (tmp_path / "killed").mkdir()
    use_worker(monkeypatch, killing_worker([kill], tmp_path / "killed", then=poisoned))
    config = with_train(training, max_failures=1, max_rollbacks=2)
    with caplog.at_level(logging.INFO):
        trained = run(config, pairs, tmp_path / "storage", workers=TWO)
    assert caplog.text.count("computing on 2 workers in float32") == 2  # each group says it
    assert len(list((tmp_path / "killed").iterdir())) == 1
    assert len(list(happened.iterdir())) == 2
    assert [*map(steady, trained.history)] == [*map(steady, together.trained.history)]
    assert trained.samples == together.trained.samples
    assert_same(last_state(training, pairs, tmp_path / "storage"), together.state)

    folder = begin(training, pairs, tmp_path / "storage").folder / NON_FINITE_FOLDER
    (written,) = Path(folder.path).rglob("*.safetensors")
    assert written.parts[-2:] == ("step_000000007", "rank_1.safetensors")
    batch = safetensors.torch.load_file(written)
    assert batch["source"].shape == batch["target"].shape == (1, 3, 32, 32)
    assert torch.isnan(batch["target"]).sum() == 1
    with safetensors.safe_open(written, "pt") as opened:
        assert opened.metadata()["pair_ids"]


def test_workers_use_deterministic_kernels_where_they_are_asked_to(
    training: Params, pairs: DatasetSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_worker(monkeypatch, kernels_worker(tmp_path / "seen"))
    params = with_train(
        training, deterministic=True, num_epochs=1, num_decay_epochs=0, best_from_epoch=1
    )
    assert len(run(params, pairs, tmp_path).history) == 2
    assert (tmp_path / "seen").read_text().split() == ["True"] * 4


def test_parameters_that_no_try_can_train_with_are_tried_once(
    training: Params, pairs: DatasetSource, tmp_path: Path
) -> None:
    config = with_train(training, batch_size=99, max_failures=3)
    with pytest.raises(UserError, match=r"batch_size \(99\) exceeds the 9 training pairs"):
        run(config, pairs, tmp_path, workers=TWO)


def test_killed_in_writing_and_with_full_storage_it_fails_clearly_and_goes_on_later(
    training: Params,
    pairs: DatasetSource,
    alone: Undisturbed,
    happened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More tries fail than is allowed, and then the newest checkpoint is damaged."""
    kills = [Kill(6, rank=0, inside="save"), Kill(6, rank=0, inside="adopt")]
    with monkeypatch.context() as patch:
        full = limited_worker(9, max_file_bytes=200_000)
        use_worker(patch, killing_worker(kills, happened, then=full))
        with pytest.raises(ray.train.WorkerGroupError) as caught:
            run(with_train(training, max_failures=len(kills)), pairs, tmp_path)
    assert len(list(happened.iterdir())) == len(kills)
    message = "; ".join(map(str, caught.value.worker_failures.values()))
    assert "could not be written" in message
    assert "Make room or repair the storage" in message
    folder = checkpoints_of(training, pairs, tmp_path)
    newest, before, *_ = checkpoints(folder)
    assert newest.step == 8
    kept = read_checkpoint(folder, before)["history"]
    path = Path(folder.path, str(newest))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    trained = run(training, pairs, tmp_path)
    assert trained.history[: len(kept)] == kept  # also their clock: they were not trained again
    assert [*map(steady, trained.history)] == [*map(steady, alone.trained.history)]
    assert trained.samples == alone.trained.samples
    assert_same(last_state(training, pairs, tmp_path), alone.state)
