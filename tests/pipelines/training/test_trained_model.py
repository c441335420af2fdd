"""The model folder of a training: which weights it holds, and what its card says."""

import math
from pathlib import Path

import torch

from pipelines.training.trained_model import write_model
from pix2pix.checkpoint import load_generator
from pix2pix.config import Params
from pix2pix.data.manifest import Manifest
from pix2pix.models import network_configs
from pix2pix.training import new_state
from tests.support.model_folders import PHOTO

MANIFEST = Manifest(
    format=2,
    direction="AtoB",
    image_size=32,
    load_size=36,
    source=PHOTO,
    target=PHOTO,
    splits={},
    data_hash="abc",
)


def test_the_model_holds_the_best_weights_and_the_better_inference_mode(
    small_params: Params, tmp_path: Path
) -> None:
    state = new_state(*network_configs(small_params), config=small_params.train)
    scores = {"dev/l1": 0.1, "dev/l1_published": 0.2, "dev/l1_deterministic": 0.1}
    state.epoch = 2
    state.keep_as_best(scores)
    assert state.best is not None
    write_model(tmp_path, state.best, params=small_params, manifest=MANIFEST)
    generator, card = load_generator(tmp_path)
    assert (card.inference_mode, card.epoch, card.dev) == ("deterministic", 2, scores)
    assert (card.name, card.data_hash) == (small_params.data.name, "abc")
    weights = state.generator.state_dict()
    assert all(torch.equal(weights[key], value) for key, value in generator.state_dict().items())


def test_a_mode_without_a_finite_score_is_neither_used_nor_on_the_card(
    small_params: Params, tmp_path: Path
) -> None:
    state = new_state(*network_configs(small_params), config=small_params.train)
    state.keep_as_best({"dev/l1": 0.2, "dev/l1_published": 0.2, "dev/l1_deterministic": math.nan})
    assert state.best is not None
    write_model(tmp_path, state.best, params=small_params, manifest=MANIFEST)
    _, card = load_generator(tmp_path)
    assert card.inference_mode == "published"
    assert card.dev == {"dev/l1": 0.2, "dev/l1_published": 0.2}
