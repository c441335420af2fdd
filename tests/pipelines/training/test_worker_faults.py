"""After lost workers and non-finite losses, a training ends with the bits of an undisturbed one."""

import random
from pathlib import Path

import pytest
import ray.train
import safetensors.torch
import torch

from pipelines.runs.checkpoints import checkpoints, newest_checkpoint
from pipelines.runs.dataset import DatasetSource
from pipelines.runs.state import NON_FINITE_FOLDER
from pix2pix.config import Params
from pix2pix.errors import UserError
from tests.support.faults import (
    Kill,
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


def test_workers_killed_in_a_step_and_in_writing_a_checkpoint_change_nothing(
    training: Params,
    pairs: DatasetSource,
    together: Undisturbed,
    happened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More workers are lost than is allowed, and then the newest checkpoint is damaged.

    `tests/soak/test_killed_workers.py` kills twenty.
    """
    draw = random.Random(0)
    kills = [
        Kill(draw.randrange(2, 4), rank=1, delay_s=draw.uniform(0.0, 0.1)),
        Kill(6, rank=0, inside="save"),
        Kill(10, rank=0, inside="adopt"),
    ]
    config = with_train(training, max_failures=len(kills) - 1)
    with monkeypatch.context() as patch:
        use_worker(patch, killing_worker(kills, happened))
        with pytest.raises(ray.train.WorkerGroupError):
            run(config, pairs, tmp_path, workers=TWO)
    assert len(list(happened.iterdir())) == len(kills)
    folder = checkpoints_of(training, pairs, tmp_path)
    newest = checkpoints(folder)[0]
    assert newest.step == 8
    path = Path(folder.path, str(newest))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    trained = run(training, pairs, tmp_path, workers=TWO)
    assert [*map(steady, trained.history)] == [*map(steady, together.trained.history)]
    assert trained.samples == together.trained.samples
    assert_same(last_state(training, pairs, tmp_path), together.state)


def test_a_passing_nan_is_rolled_back_on_all_ranks(
    training: Params,
    pairs: DatasetSource,
    together: Undisturbed,
    happened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_worker(monkeypatch, poisoning_worker(7, happened, times=2, on_rank=1))
    run(with_train(training, max_rollbacks=2), pairs, tmp_path / "storage", workers=TWO)
    assert len(list(happened.iterdir())) == 2
    assert_same(last_state(training, pairs, tmp_path / "storage"), together.state)


def test_a_nan_that_stays_fails_and_the_batch_is_written_out(
    training: Params,
    pairs: DatasetSource,
    happened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_worker(monkeypatch, poisoning_worker(7, happened, times=99, on_rank=0))
    config = with_train(training, max_rollbacks=1, max_failures=3)
    with pytest.raises(
        ValueError, match=r"non-finite loss in step 7 \(.*\n.*step_000000007/rank_0.*\n.*1 times"
    ):
        run(config, pairs, tmp_path / "storage")
    assert len(list(happened.iterdir())) == 2  # the first, and one after the rollback
    folder = begin(training, pairs, tmp_path / "storage").folder / NON_FINITE_FOLDER
    (written,) = Path(folder.path).rglob("*.safetensors")
    assert written.parts[-2:] == ("step_000000007", "rank_0.safetensors")
    batch = safetensors.torch.load_file(written)
    assert batch["source"].shape == batch["target"].shape == (2, 3, 32, 32)
    assert torch.isnan(batch["target"]).sum() == 1
    with safetensors.safe_open(written, "pt") as opened:
        assert opened.metadata()["pair_ids"]


@pytest.mark.parametrize("workers", [(1, 1), TWO])
def test_parameters_that_no_try_can_train_with_are_tried_once(
    training: Params, pairs: DatasetSource, tmp_path: Path, workers: tuple[int, int]
) -> None:
    config = with_train(training, batch_size=99, max_failures=3)
    with pytest.raises(UserError, match=r"batch_size \(99\) exceeds the 9 training pairs"):
        run(config, pairs, tmp_path, workers=workers)


def test_storage_that_is_full_fails_clearly_and_the_earlier_checkpoint_is_used_later(
    training: Params,
    pairs: DatasetSource,
    alone: Undisturbed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        use_worker(patch, limited_worker(9, max_file_bytes=200_000))
        with pytest.raises(ray.train.WorkerGroupError) as caught:
            run(training, pairs, tmp_path)
    message = "; ".join(map(str, caught.value.worker_failures.values()))
    assert "could not be written" in message
    assert "Make room or repair the storage" in message
    newest = newest_checkpoint(checkpoints_of(training, pairs, tmp_path))
    assert newest is not None
    assert newest[0].step == 8
    run(training, pairs, tmp_path)
    assert_same(last_state(training, pairs, tmp_path), alone.state)
