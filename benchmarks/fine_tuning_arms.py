"""What `fine_tuning` trains and scores: a parent, an arm with a seed, the mean of the targets."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.training.batches import dev_set, train_batches
from pix2pix.config import Params
from pix2pix.data.batch import Batch
from pix2pix.data.loader import EvalBatches
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.data.ranges import to_network
from pix2pix.data.splits import Split
from pix2pix.evaluation.baselines import mean_image, mean_target_fake
from pix2pix.evaluation.quality import image_quality
from pix2pix.models import (
    InferenceNetwork,
    PatchDiscriminator,
    UNetGenerator,
    network_configs,
    translate,
)
from pix2pix.models.transfer import ParentNetworks
from pix2pix.training import Best, fit, new_state
from pix2pix.training.dev import better_mode

_CPU = torch.device("cpu")
_PARENT_EPOCHS = 15
_BATCH = 16  # images that are scored at once

logger = logging.getLogger(__name__)


def train_parent(params: Params, prepared_dir: Path) -> ParentNetworks:
    """Train a parent and return the networks of its best epoch."""
    params = replace(params, train=replace(params.train, num_epochs=_PARENT_EPOCHS))
    best = dict(_train(params, prepared_dir, parent=None))
    generator_config, discriminator_config = network_configs(params)
    networks: tuple[UNetGenerator, PatchDiscriminator] = (
        UNetGenerator(generator_config),
        PatchDiscriminator(discriminator_config),
    )
    networks[0].load_state_dict(best[_PARENT_EPOCHS].generator)
    networks[1].load_state_dict(best[_PARENT_EPOCHS].discriminator)
    return ParentNetworks(*networks)


def scores_by_epoch(
    params: Params,
    prepared_dir: Path,
    *,
    parent: ParentNetworks | None,
    seed: int,
    epochs: Collection[int],
) -> dict[int, np.ndarray]:
    """Train with a seed; the L1 (N,) of each test image after each of these numbers of epochs."""
    params = replace(params, train=replace(params.train, seed=seed))
    generator = UNetGenerator(network_configs(params)[0])
    scores = {}
    for epoch, best in _train(params, prepared_dir, parent=parent):
        if epoch in epochs:
            generator.load_state_dict(best.generator)
            scores[epoch] = _test_l1(generator, best, prepared_dir, seed=seed)
            logger.info("seed %d, epoch %d: test L1 %.4f", seed, epoch, scores[epoch].mean())
    return scores


def _train(
    params: Params, prepared_dir: Path, *, parent: ParentNetworks | None
) -> Iterator[tuple[int, Best]]:
    """Train; yield each finished epoch with the networks of the best one so far."""
    manifest = load_manifest(prepared_dir)
    state = new_state(*network_configs(params), config=params.train, parent=parent)
    dev = dev_set(open_split(prepared_dir, "dev"), manifest, samples=[0], device=_CPU)
    train = open_split(prepared_dir, "train")
    with train_batches(train, params, manifest, device=_CPU) as batches:
        for _ in fit(state, batches, params.train, dev=dev):
            if state.best is not None:
                yield state.epoch, state.best


def _test_l1(generator: nn.Module, best: Best, prepared_dir: Path, *, seed: int) -> np.ndarray:
    """The L1 (N,) of each test image, in the inference mode that is better on dev."""
    manifest = load_manifest(prepared_dir)
    network = InferenceNetwork(generator, better_mode(best.dev))
    batches = EvalBatches(
        open_split(prepared_dir, "test"),
        source=manifest.source,
        target=manifest.target,
        batch_size=_BATCH,
        device=_CPU,
    )
    return np.concatenate([_l1(network, batch, seed=seed) for batch in batches])


def _l1(network: InferenceNetwork, batch: Batch, *, seed: int) -> np.ndarray:
    """The L1 (N,) of the images of a batch."""
    fake = translate(network, batch.source, seeds=[seed] * len(batch.source))
    return image_quality(fake, batch.target).l1


def mean_target_l1(prepared_dir: Path) -> float:
    """The test L1 of one image for all: the mean of the training targets."""
    train, test = (_targets(prepared_dir, split) for split in ("train", "test"))
    fake = mean_target_fake(mean_image([(train, None)]), like=test)
    return float(image_quality(fake, test).l1.mean())


def _targets(prepared_dir: Path, split: Split) -> Tensor:
    """All targets of a split, (N, C, H, W)."""
    value_range = load_manifest(prepared_dir).target.value_range
    stored = np.array(open_split(prepared_dir, split).target)
    return to_network(torch.from_numpy(stored), value_range)
