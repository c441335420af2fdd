"""Fine-tuning on a real local Ray: it starts from its parent, and goes on without it."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.cluster.placement import Placement
from pipelines.runs.checkpoints import checkpoints
from pipelines.runs.dataset import DatasetSource
from pipelines.runs.folder import open_folder
from pipelines.runs.parent import ParentFile, publish_parent
from pipelines.runs.state import CHECKPOINTS_FOLDER, open_state
from pipelines.training.driver import Trained, train
from pipelines.tuning.placement import choose_trial_placement
from pipelines.tuning.study import run_study
from pipelines.tuning.trial import TrialJob
from pix2pix.config import Params
from pix2pix.models import PatchDiscriminator, UNetGenerator, network_configs
from pix2pix.models.transfer import ParentNetworks
from pix2pix.parent import Parent, to_bytes
from tests.support.shared_ray import Undisturbed
from tests.support.small_study import NODE, small_study
from tests.support.small_training import assert_same, steady, with_train

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def parent(
    alone: Undisturbed, training: Params, tmp_path_factory: pytest.TempPathFactory
) -> ParentFile:
    """The undisturbed training's best epoch."""
    generator_config, discriminator_config = network_configs(training)
    networks = ParentNetworks(
        UNetGenerator(generator_config), PatchDiscriminator(discriminator_config)
    )
    networks.generator.load_state_dict(alone.trained.best.generator)
    assert networks.discriminator is not None
    networks.discriminator.load_state_dict(alone.trained.best.discriminator)
    found = Parent(reference="alone", model_sha256="a" * 64, networks=networks, card=None)
    path = tmp_path_factory.mktemp("parent") / "parent.safetensors"
    path.write_bytes(to_bytes(found))
    return ParentFile(path, found, "a" * 64)


def fine_tune(
    params: Params, pairs: DatasetSource, run: Path, parent: ParentFile | None
) -> Trained:
    """Train in the folder `run`; without a file, go on there."""
    folder = open_state(open_folder(str(run))).folder
    if parent is not None:
        publish_parent(parent, folder)
    placement = Placement(1, 1, cpus_per_worker=1, use_gpu=False)
    return train(params, pairs, placement=placement, run=folder, live_run=None, parent=folder)


def results(trained: Trained) -> dict[str, Any]:
    return {
        "history": trained.history,
        "generator": trained.best.generator,
        "discriminator": trained.best.discriminator,
        "samples": trained.samples,
    }


def test_it_starts_with_its_parents_scores_and_an_interruption_changes_nothing(
    training: Params,
    pairs: DatasetSource,
    alone: Undisturbed,
    parent: ParentFile,
    tmp_path: Path,
) -> None:
    params = with_train(training, keep_best_checkpoints=9)
    whole = fine_tune(params, pairs, tmp_path / "whole", parent)
    best = next(
        record for record in alone.trained.history if record["epoch"] == alone.trained.best.epoch
    )
    for name, value in alone.trained.best.dev.items():
        assert whole.history[0][name] == value == best[name]
    shutil.copytree(tmp_path / "whole", tmp_path / "interrupted")
    interrupted = open_folder(str(tmp_path / "interrupted")) / CHECKPOINTS_FOLDER
    for name in checkpoints(interrupted):
        if name.step > 4:
            interrupted.remove(str(name))
    assert len(checkpoints(interrupted)) > 0
    again = fine_tune(params, pairs, tmp_path / "interrupted", None)
    assert_same(results(again), results(whole))


def test_each_trial_of_a_study_starts_from_the_parent(
    training: Params, pairs: DatasetSource, alone: Undisturbed, parent: ParentFile, tmp_path: Path
) -> None:
    params = small_study(training, num_trials=1, num_epochs=1)
    study = open_folder(str(tmp_path))
    publish_parent(parent, study)
    job = TrialJob(params=params, dataset=pairs, study=study, has_parent=True)
    result = run_study(job, choose_trial_placement(params.tune, [NODE]), [])
    (trial,) = result.search
    start = steady(trial.history[0])
    assert {name: start[name] for name in alone.trained.best.dev} == alone.trained.best.dev
