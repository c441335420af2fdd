"""The training of a trial in one process: what the stage `train` does, without a worker group."""

from collections.abc import Callable
from pathlib import Path

import torch

from pipelines.runs.folder import Folder
from pipelines.runs.samples import sample_name
from pipelines.runs.state import SAMPLES_FOLDER
from pipelines.training.batches import dev_batches, dev_set, sample_indices, train_batches
from pipelines.training.computing import agreed_computing, with_computing
from pipelines.training.sample_grids import SampleGrids
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.models import UNetGenerator, network_configs
from pix2pix.models.transfer import ParentNetworks
from pix2pix.training import Best, EpochResult, TrainState, fit, new_state
from pix2pix.training.deterministic import deterministic_kernels
from pix2pix.training.dev import better_mode
from pix2pix.training_checkpoint import load_training
from pix2pix.tuning.trials import score_names

CHECKPOINT_FILE = "training.pt"


def train_trial(
    params: Params,
    prepared_dir: Path,
    *,
    run: Folder,
    device: torch.device,
    parent: ParentNetworks | None,
    checkpoint: Folder | None,
    report: Callable[[TrainState], None],
) -> None:
    """Train to the end; report after each epoch.

    It goes on from the state in the folder `checkpoint`, if there is one, and starts from `parent`,
    if that is given.

    Writes the sample grids, and how it computes, to `run`. Raises NonFiniteLossError,
    UserError if no epoch can be kept, and OSError if the storage fails.
    """
    params = with_computing(params, agreed_computing(params.train, run, device))
    manifest = load_manifest(prepared_dir)
    state = new_state(
        *network_configs(params),
        config=params.train,
        parent=parent,
        wrap=lambda network: network.to(device),
    )
    if checkpoint is not None:
        saved = checkpoint.read(CHECKPOINT_FILE)
        state.load_state_dict(load_training(saved, name=str(checkpoint / CHECKPOINT_FILE)))
    dev = open_split(prepared_dir, "dev")
    samples = sample_indices(dev, params.train.num_samples)
    grids = SampleGrids(dev, samples, manifest)
    dev_pairs = dev_set(dev, manifest, samples=samples, device=device)
    train = open_split(prepared_dir, "train")
    with (
        deterministic_kernels(wanted=params.train.deterministic),
        train_batches(train, params, manifest, device=device) as batches,
    ):
        for event in fit(state, batches, params.train, dev=dev_pairs):
            assert isinstance(event, EpochResult)  # a trial has no checkpoints within an epoch
            if event.samples is not None:
                png = grids.png(event.samples, better_mode(event.metrics))
                (run / SAMPLES_FOLDER).write(sample_name(event.epoch), png)
            report(state)


def dev_distances(
    best: Best, params: Params, prepared_dir: Path, *, device: torch.device
) -> dict[str, float]:
    """Return the feature distances of the objective, of the kept epoch's images of the dev split.

    The features are EfficientNet's, which need no download: all trials are measured alike.
    """
    names = score_names(params.tune.objective)[1:]
    if not names:
        return {}
    # Imported here: that takes as long as importing torch, and few studies ask for a distance.
    from pix2pix.evaluation.distance import dev_distance
    from pix2pix.evaluation.extractors import efficientnet_extractor

    manifest = load_manifest(prepared_dir)
    generator = UNetGenerator(network_configs(params)[0])
    generator.load_state_dict(best.generator)
    return {
        name: dev_distance(
            generator.to(device),
            dev_batches(open_split(prepared_dir, "dev"), manifest, device=device),
            distance="kid" if name == "dev/kid" else "frechet",
            extractor=efficientnet_extractor(device),
            mode=better_mode(best.dev),
            seed=params.train.seed,
        )
        for name in names
    }
