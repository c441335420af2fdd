"""Pairs of any size, and one epoch of training and scoring on them without Ray."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from pipelines.evaluation.scores import evaluate_model
from pipelines.training.batches import dev_set, sample_indices, train_batches
from pipelines.training.sample_grids import SampleGrids
from pipelines.training.trained_model import write_model
from pix2pix.config import Params, parse_params
from pix2pix.config.yaml_file import read_yaml
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.evaluation.report import report_json
from pix2pix.models import network_configs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.training import EpochResult, fit, new_state
from pix2pix.training.dev import better_mode

CPU = torch.device("cpu")
PARAMS = Path(__file__).parents[2] / "params" / "default.yaml"
TINY_MODEL = {"base_channels": 4, "discriminator_channels": 4, "discriminator_layers": 1}
ONE_EPOCH = {
    "num_epochs": 1,
    "num_decay_epochs": 0,
    "best_from_epoch": 1,
    "num_samples": 3,
    "precision": "float32",
    "batch_size": 2,
}
FEW_RESAMPLES = {"num_bootstrap": 100, "kid_subset_size": 2, "num_panels": 2, "batch_size": 3}


def make_params(**data: Any) -> Params:
    """Tiny networks for one epoch on a folder of colour pairs in two folders."""
    mapping = read_yaml(PARAMS)
    mapping["data"] |= {
        "source": "folder",
        "path": "photos",
        "layout": "two_folders",
        "side_a": mapping["data"]["side_b"],
        "near_duplicate_bits": -1,
    } | data
    mapping["model"] |= TINY_MODEL
    mapping["train"] |= ONE_EPOCH
    mapping["evaluate"] |= FEW_RESAMPLES
    return parse_params(mapping)


def write_pairs(root: Path, sizes: Sequence[tuple[int, int]], *, scale: int = 1) -> Path:
    """One pair per (height, width): noise of 4 px cells, and its negative, `scale` times as large.

    Two thirds of the pairs are for training, the others for dev and test.
    """
    for index, (height, width) in enumerate(sizes):
        cells = (-(-height // 4), -(-width // 4), 3)
        noise = np.random.default_rng(index).integers(0, 256, cells, dtype=np.uint8)
        image = noise.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
        answer = (255 - image).repeat(scale, axis=0).repeat(scale, axis=1)
        split = ("train", "train", "test", "train", "train", "dev")[index % 6]
        for side, pixels in (("A", image), ("B", answer)):
            path = root / split / side / f"{index:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), pixels)
    return root


class Scored(NamedTuple):
    """What an epoch and its evaluation gave."""

    manifest: Manifest
    history: list[dict[str, float]]
    report: dict[str, Any]  # metrics.json
    model_dir: Path


def train_and_score(root: Path, work_dir: Path, params: Params) -> Scored:
    """Prepare the pairs of `root`, train for an epoch, draw samples, write and score a model."""
    prepared_dir, model_dir = work_dir / "prepared", work_dir / "model"
    manifest = prepare_pairs(root, prepared_dir, params.data, num_workers=1).manifest
    history = _trained(prepared_dir, model_dir, params)
    evaluation = evaluate_model(prepared_dir, model_dir, params.evaluate)
    return Scored(manifest, history, report_json(evaluation.report), model_dir)


def _trained(prepared_dir: Path, model_dir: Path, params: Params) -> list[dict[str, float]]:
    manifest = load_manifest(prepared_dir)
    torch.manual_seed(0)
    state = new_state(*network_configs(params), config=params.train, wrap=lambda network: network)
    dev, train = (open_split(prepared_dir, split) for split in ("dev", "train"))
    samples = sample_indices(dev, params.train.num_samples)
    grids = SampleGrids(dev, samples, manifest)
    dev_pairs = dev_set(dev, manifest, samples=samples, device=CPU)
    with train_batches(train, params, manifest, device=CPU) as batches:
        for event in fit(state, batches, params.train, dev=dev_pairs):
            assert isinstance(event, EpochResult)
            assert event.samples is not None or not event.is_last
            if event.samples is not None:
                grids.png(event.samples, better_mode(event.metrics))
    assert state.best is not None
    write_model(model_dir, state.best, params=params, manifest=manifest)
    return state.history


def batches_hash(prepared_dir: Path, params: Params) -> str:
    """The SHA-256 of all values of the training batches of two epochs."""
    manifest, train = load_manifest(prepared_dir), open_split(prepared_dir, "train")
    digest = hashlib.sha256()
    with train_batches(train, params, manifest, device=CPU) as batches:
        for epoch in (0, 1):
            for batch in batches(epoch, 0):
                digest.update("".join(batch.pair_ids).encode())
                for images in (batch.source, batch.target):
                    digest.update(images.contiguous().numpy().tobytes())
    return digest.hexdigest()


def with_augmentation(params: Params, **augment: Any) -> Params:
    """The parameters with other random changes."""
    return dataclasses.replace(params, augment=dataclasses.replace(params.augment, **augment))
