"""Twenty killed workers in one training: it ends where an undisturbed one ends, bit for bit."""

import random
from pathlib import Path

import pytest

from pipelines.runs.dataset import DatasetSource
from pix2pix.config import Params
from tests.support.faults import Kill, killing_worker, use_worker
from tests.support.shared_ray import TWO
from tests.support.small_training import assert_same, last_state, run, small_training, steady

pytestmark = [
    pytest.mark.soak,
    pytest.mark.ray,
    pytest.mark.usefixtures("cluster"),
    pytest.mark.timeout(3600),
]

NUM_KILLS = 20
NUM_EPOCHS = 6
STEPS_PER_EPOCH = 4


def _planned_kills() -> list[Kill]:
    """Twenty moments in twenty-four steps: 18 anywhere in a step of either rank, 2 in a write."""
    draw = random.Random(0)
    steps = sorted(draw.sample(range(1, NUM_EPOCHS * STEPS_PER_EPOCH), NUM_KILLS - 2))
    kills = [Kill(step, draw.randrange(2), draw.uniform(0.0, 0.1)) for step in steps]
    return [*kills, Kill(6, 0, inside="save"), Kill(14, 0, inside="adopt")]


def test_twenty_killed_workers_change_nothing(
    small_params: Params,
    pairs: DatasetSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    params = small_training(
        small_params, num_epochs=NUM_EPOCHS - 1, num_decay_epochs=1, max_failures=NUM_KILLS
    )
    undisturbed = run(params, pairs, tmp_path / "undisturbed", workers=TWO)
    kills = _planned_kills()
    assert {kill.rank for kill in kills} == {0, 1}
    happened = tmp_path / "happened"
    happened.mkdir()
    use_worker(monkeypatch, killing_worker(kills, happened))
    trained = run(params, pairs, tmp_path / "killed", workers=TWO)
    assert len(list(happened.iterdir())) == NUM_KILLS
    assert [*map(steady, trained.history)] == [*map(steady, undisturbed.history)]
    assert trained.samples == undisturbed.samples
    assert_same(
        last_state(params, pairs, tmp_path / "killed"),
        last_state(params, pairs, tmp_path / "undisturbed"),
    )
