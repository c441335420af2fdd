"""Losing workers and losing numbers: training ends where an undisturbed one ends, bit for bit."""

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
import ray.train
import safetensors.torch
import torch

from pipelines.checkpoints import checkpoints, newest_checkpoint
from pipelines.node_dataset import DatasetSource
from pipelines.ray_train import Trained
from pipelines.running_state import NON_FINITE_FOLDER
from pix2pix.config import Params
from tests.pipelines.faults import (
    Kill,
    killing_worker,
    limited_worker,
    poisoning_worker,
    use_worker,
)
from tests.pipelines.local_ray import local_ray
from tests.pipelines.small_training import (
    assert_same,
    begin,
    checkpoints_of,
    run,
    small_dataset,
    small_training,
    steady,
)

pytestmark = [pytest.mark.ray, pytest.mark.slow]

NUM_KILLS = 20
NUM_EPOCHS = 6
STEPS_PER_EPOCH = 4
TWO = (2, 2)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with local_ray(num_cpus=2, RAY_TRAIN_HEALTH_CHECK_INTERVAL_S="0.2"):  # sees lost workers soon
        yield


@pytest.fixture(scope="module")
def params(small_params: Params) -> Params:
    return small_training(small_params, num_epochs=NUM_EPOCHS - 1, num_decay_epochs=1)


@pytest.fixture(scope="module")
def dataset(params: Params, tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    return small_dataset(params, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def undisturbed(
    params: Params, dataset: DatasetSource, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Trained, dict[str, object]]:
    storage = tmp_path_factory.mktemp("undisturbed")
    trained = run(params, dataset, storage, workers=TWO)
    return trained, _last(params, dataset, storage)


@pytest.fixture
def happened(tmp_path: Path) -> Path:
    (tmp_path / "happened").mkdir()
    return tmp_path / "happened"


def _last(params: Params, dataset: DatasetSource, storage: Path) -> dict[str, object]:
    """The state of the last checkpoint, without where it ran."""
    newest = newest_checkpoint(checkpoints_of(params, dataset, storage))
    assert newest is not None
    return {key: value for key, value in newest[1].items() if key != "params"}


def _with(params: Params, **changes: object) -> Params:
    return dataclasses.replace(params, train=dataclasses.replace(params.train, **changes))


def _planned_kills() -> list[Kill]:
    """Twenty moments in twenty-four steps: 18 anywhere in a step of either rank, 2 in a write."""
    draw = random.Random(0)
    steps = sorted(draw.sample(range(1, NUM_EPOCHS * STEPS_PER_EPOCH), NUM_KILLS - 2))
    kills = [Kill(step, draw.randrange(2), draw.uniform(0.0, 0.1)) for step in steps]
    return [*kills, Kill(6, 0, inside="save"), Kill(14, 0, inside="adopt")]


def test_twenty_killed_workers_change_nothing(
    params: Params,
    dataset: DatasetSource,
    undisturbed: tuple[Trained, dict[str, object]],
    happened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kills = _planned_kills()
    assert {kill.rank for kill in kills} == {0, 1}
    use_worker(monkeypatch, killing_worker(kills, happened))
    config = _with(params, max_failures=NUM_KILLS)
    trained = run(config, dataset, tmp_path / "storage", workers=TWO)
    assert len(list(happened.iterdir())) == NUM_KILLS
    expected, state = undisturbed
    assert [*map(steady, trained.history)] == [*map(steady, expected.history)]
    assert trained.samples == expected.samples
    assert_same(_last(params, dataset, tmp_path / "storage"), state)


def test_more_lost_workers_than_may_be_fail_and_the_same_command_goes_on(
    params: Params,
    dataset: DatasetSource,
    undisturbed: tuple[Trained, dict[str, object]],
    happened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        use_worker(patch, killing_worker([Kill(9, 1)], happened))
        with pytest.raises(ray.train.WorkerGroupError):
            run(params, dataset, tmp_path, workers=TWO)
    found = [name.step for name in checkpoints(checkpoints_of(params, dataset, tmp_path))]
    assert found[0] in (6, 8)  # the upload of step 8's may have been under way
    newest = checkpoints_of(params, dataset, tmp_path)
    path = Path(newest.path, str(checkpoints(newest)[0]))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    trained = run(params, dataset, tmp_path, workers=TWO)
    assert [*map(steady, trained.history)] == [*map(steady, undisturbed[0].history)]
    assert_same(_last(params, dataset, tmp_path), undisturbed[1])


def test_a_passing_nan_is_rolled_back_on_all_ranks(
    params: Params,
    dataset: DatasetSource,
    undisturbed: tuple[Trained, dict[str, object]],
    happened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_worker(monkeypatch, poisoning_worker(7, happened, times=2, on_rank=1))
    run(_with(params, max_rollbacks=2), dataset, tmp_path / "storage", workers=TWO)
    assert len(list(happened.iterdir())) == 2
    assert_same(_last(params, dataset, tmp_path / "storage"), undisturbed[1])


def test_a_nan_that_stays_fails_and_the_batch_is_written_out(
    params: Params,
    dataset: DatasetSource,
    happened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_worker(monkeypatch, poisoning_worker(7, happened, times=99, on_rank=1))
    config = _with(params, max_rollbacks=1, max_failures=3)
    with pytest.raises(
        ValueError, match=r"non-finite loss in step 7 \(.*\n.*step_000000007/rank_1.*\n.*1 times"
    ):
        run(config, dataset, tmp_path / "storage", workers=TWO)
    assert len(list(happened.iterdir())) == 2  # the first, and one after the rollback
    folder = begin(params, dataset, tmp_path / "storage").folder / NON_FINITE_FOLDER
    (written,) = Path(folder.path).rglob("*.safetensors")
    assert written.parts[-2:] == ("step_000000007", "rank_1.safetensors")
    batch = safetensors.torch.load_file(written)
    assert batch["source"].shape == batch["target"].shape == (1, 3, 32, 32)
    assert torch.isnan(batch["target"]).sum() == 1
    with safetensors.safe_open(written, "pt") as opened:
        assert opened.metadata()["pair_ids"]


def test_storage_that_is_full_fails_clearly_and_the_earlier_checkpoint_is_used_later(
    params: Params,
    dataset: DatasetSource,
    undisturbed: tuple[Trained, dict[str, object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        use_worker(patch, limited_worker(9, max_file_bytes=200_000))
        with pytest.raises(ray.train.WorkerGroupError) as caught:
            run(params, dataset, tmp_path, workers=TWO)
    said = "; ".join(map(str, caught.value.worker_failures.values()))
    assert "could not be written" in said
    assert "Make room or mend the storage" in said
    newest = newest_checkpoint(checkpoints_of(params, dataset, tmp_path))
    assert newest is not None
    assert newest[0].step == 8
    run(params, dataset, tmp_path, workers=TWO)
    assert_same(_last(params, dataset, tmp_path), undisturbed[1])
