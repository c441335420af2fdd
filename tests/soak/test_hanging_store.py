"""An object store that takes requests and does not answer, until Ray gives up."""

import pytest
import ray.train

from pipelines.runs.checkpoints import checkpoints
from pipelines.runs.dataset import DatasetSource
from pix2pix.config import Params
from tests.support.shared_ray import Undisturbed
from tests.support.small_training import assert_same, checkpoints_of, last_state, run
from tests.support.troubled_store import TroubledStore

pytestmark = [pytest.mark.soak, pytest.mark.ray, pytest.mark.server, pytest.mark.timeout(3600)]


def test_a_store_that_does_not_answer_fails_the_run_and_the_earlier_checkpoints_go_on(
    alone: Undisturbed,
    training: Params,
    pairs: DatasetSource,
    store: TroubledStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in store.server.environment.items():
        monkeypatch.setenv(name, value)
    location = store.new_folder()
    store.trouble.from_step, store.trouble.hold_s = 6, 20.0
    with pytest.raises(ray.train.TrainingFailedError, match="could not be written"):
        run(training, pairs, location)
    assert store.trouble.met
    store.trouble.end()
    found = checkpoints(checkpoints_of(training, pairs, location))
    assert [name.step for name in found] == [4, 2]
    run(training, pairs, location)
    assert_same(last_state(training, pairs, location), alone.state)
