"""Pairs of unlike sizes from files to scores and translations, with both rules that keep aspect."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.evaluation.dev_score import score_on_dev
from pipelines.evaluation.model_fit import misfit
from pipelines.evaluation.scores import evaluate_model, write_evaluation
from pipelines.training.batches import train_augmentation
from pix2pix.checkpoint import GENERATOR_FILE
from pix2pix.config import SMALLEST_PX
from pix2pix.data.contact_sheet import augmentation_sheet
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.data.ranges import to_network
from pix2pix.evaluation.protocol import compare_protocols
from pix2pix.evaluation.quality import image_quality
from pix2pix.images.image import read_image
from pix2pix.images.resize import resize
from pix2pix.inference import Translator
from pix2pix.model_card import load_card
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.drawn_shapes import (
    batches_hash,
    make_params,
    train_and_score,
    with_augmentation,
    write_pairs,
)

FIT = {"resize": "fit", "image_size": 64, "load_size": 70}
NONE = {"resize": "none", "image_size": 64, "load_size": None, "crops_per_pair": 3}
HEIGHTS = [(64 + 7 * index, 66) for index in range(12)]
SETS = {
    "600x400": [(400, 600)] * 12,
    "64x1800": [(64, 1800)] * 8,
    "many heights": HEIGHTS,
    "smaller than the crop": [(64, 64), (40, 90), (50, 20), (64, 64), (66, 66), (30, 64)] * 2,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "rule"),
    [
        ("600x400", FIT),
        ("600x400", NONE),
        ("64x1800", NONE | {"image_size": [64, 256]}),
        ("64x1800", {"resize": "fit", "image_size": 32, "load_size": 32}),
        ("many heights", FIT),
        ("many heights", NONE),
        ("smaller than the crop", NONE),
    ],
)
def test_any_sizes_train_and_score_and_translate(
    tmp_path: Path, sizes: str, rule: dict[str, Any]
) -> None:
    params = make_params(**rule)
    scored = train_and_score(write_pairs(tmp_path / "raw", SETS[sizes]), tmp_path, params)
    num_train = len(scored.manifest.splits["train"].pair_ids)
    assert scored.history[-1]["step"] == num_train * params.data.crops_per_pair // 2
    assert np.isfinite(scored.history[-1]["train/loss_g"])
    assert scored.report["test"]["l1"] < scored.report["baselines"]["identity"]["l1"]
    protocol = scored.report["protocol"]
    assert (protocol["resize"], protocol["image_size"]) == (rule["resize"], rule["load_size"])
    dev = score_on_dev(scored.model_dir, tmp_path / "prepared", None)
    assert dev.l1.mean() == pytest.approx(scored.history[-1]["dev/l1"], rel=1e-5)
    image = np.zeros((*SETS[sizes][1], 3), np.uint8)
    assert Translator.load(scored.model_dir).translate(image).shape == image.shape


@pytest.fixture(scope="module")
def many_heights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with raw, prepared and model of the rule `fit`."""
    folder = tmp_path_factory.mktemp("many_heights")
    train_and_score(write_pairs(folder / "raw", HEIGHTS), folder, make_params(**FIT))
    strengthen(folder / "model")
    return folder


def strengthen(model_dir: Path) -> None:
    """Let a network that has hardly learned anything answer with more than one grey."""
    path = model_dir / GENERATOR_FILE
    tensors = load_file(path)
    tensors["up.0.conv.weight"] *= 30
    save_file(tensors, path)


@pytest.mark.slow
def test_images_count_equally_and_are_scored_as_files_are_translated(many_heights: Path) -> None:
    """The score of each image is that of the translation of its file, whatever its size."""
    params = make_params(**FIT)
    evaluation = evaluate_model(many_heights / "prepared", many_heights / "model", params.evaluate)
    translator = Translator.load(many_heights / "model")
    manifest = load_manifest(many_heights / "prepared")
    test = open_split(many_heights / "prepared", "test")
    expected = []
    for row, pair_id in enumerate(test.pair_ids):
        split, name = pair_id.split("/")
        image = read_image(many_heights / "raw" / split / "A" / f"{name}.png")
        fitted = resize(image, *manifest.scale("test").size_of(*image.shape[:2]), kernel="area")
        np.testing.assert_array_equal(test.source[row], fitted)
        answer = translator.translate(fitted)  # of the size that the network receives already
        fake, target = (
            to_network(torch.from_numpy(np.array(pixels)[None]), (0.0, 255.0))
            for pixels in (answer, test.target[row])
        )
        expected.append(image_quality(fake, target).l1[0])
    assert len({test.source[row].shape for row in range(len(test))}) == len(test)
    np.testing.assert_allclose(evaluation.scores.quality["model"].l1, expected, atol=5e-4)
    assert evaluation.report.test.metrics["l1"].value == pytest.approx(np.mean(expected), abs=5e-4)
    paths = write_evaluation(many_heights / "reports", evaluation)
    assert all(path.is_file() for path in paths)


@pytest.mark.slow
def test_pictures_of_unlike_sizes_are_drawn(many_heights: Path) -> None:
    params, manifest = make_params(**FIT), load_manifest(many_heights / "prepared")
    augmentation = train_augmentation(params, manifest)
    sheet = augmentation_sheet(
        open_split(many_heights / "prepared", "train"), augmentation, seed=0, num_pairs=3
    )
    assert sheet.ndim == 3


@pytest.mark.slow
def test_models_and_scores_of_other_rules_are_refused(many_heights: Path, tmp_path: Path) -> None:
    root, card = many_heights / "raw", load_card(many_heights / "model")
    assert misfit(card, load_manifest(many_heights / "prepared")) is None
    stretched = make_params(image_size=64, load_size=70)
    other, _ = prepare_pairs(root, tmp_path / "prepared", stretched.data)
    assert misfit(card, other) == (
        "its resize rule is fit, the data's stretch; its image size is 70, the data's 64"
    )
    larger, _ = prepare_pairs(
        root, tmp_path / "prepared", make_params(**FIT | {"load_size": 71}).data
    )
    assert misfit(card, larger) == "its image size is 70, the data's 71"
    crops, _ = prepare_pairs(
        root, tmp_path / "prepared", make_params(**FIT | {"image_size": 32}).data
    )
    assert misfit(card, crops) is None  # whole images are scored
    protocol = {"resize": "fit", "image_size": 70}
    lines = compare_protocols(protocol, {"resize": "stretch", "image_size": 64})
    assert {"resize: fit against stretch", "image_size: 70 against 64"} <= set(lines)


def test_batches_depend_on_seed_epoch_pair_and_crop_alone(tmp_path: Path) -> None:
    params = make_params(**NONE)
    root = write_pairs(tmp_path / "raw", SETS["smaller than the crop"])
    prepare_pairs(root, tmp_path / "prepared", params.data)
    first = batches_hash(tmp_path / "prepared", params)
    assert batches_hash(tmp_path / "prepared", params) == first
    turned = with_augmentation(params, rotate_deg=10.0, rotate_90=0.5)
    assert batches_hash(tmp_path / "prepared", turned) != first


def test_the_smallest_image_is_that_of_the_scores() -> None:
    image = torch.zeros(1, 1, SMALLEST_PX, 40)
    assert image_quality(image, image).ssim.tolist() == [1.0]
    with pytest.raises(ValueError, match="SSIM needs at least 11 px"):
        image_quality(image[:, :, 1:], image[:, :, 1:])


@pytest.mark.slow
def test_a_card_whose_rule_lacks_its_size_is_refused(many_heights: Path, tmp_path: Path) -> None:
    card = load_card(many_heights / "model")
    with pytest.raises(ValueError, match="load_size is None, which does not fit scale: fit"):
        dataclasses.replace(card, load_size=None).check()
    with pytest.raises(ValueError, match="load_size is 70, which does not fit scale: none"):
        dataclasses.replace(card, scale="none").check()


@pytest.mark.slow
@pytest.mark.parametrize("rule", [NONE, FIT, {"image_size": 64, "load_size": 70}])
def test_super_resolution_trains_scores_and_enlarges(tmp_path: Path, rule: dict[str, Any]) -> None:
    side = {**dataclasses.asdict(make_params().data.side_b), "scale": 2}
    params = make_params(**rule, side_b=side, resize_kernel="bicubic")
    sizes = [(40 + index, 41) for index in range(12)]
    scored = train_and_score(write_pairs(tmp_path / "raw", sizes, scale=2), tmp_path, params)
    translator = Translator.load(scored.model_dir)
    assert translator.card.target_scale == 2
    assert translator.translate(np.zeros((30, 41, 3), np.uint8)).shape == (60, 82, 3)
    other = dataclasses.replace(load_manifest(tmp_path / "prepared"), target_scale=1.0)
    assert misfit(translator.card, other) == "its target scale is 2.0, the data's 1.0"


@pytest.mark.slow
def test_files_of_the_low_resolution_get_the_answers_that_were_scored(tmp_path: Path) -> None:
    side = {**dataclasses.asdict(make_params().data.side_b), "scale": 2}
    params = make_params(**NONE, side_b=side)
    root = write_pairs(tmp_path / "raw", [(40, 50)] * 12, scale=2)
    model_dir = train_and_score(root, tmp_path, params).model_dir
    strengthen(model_dir)
    evaluation = evaluate_model(tmp_path / "prepared", model_dir, params.evaluate)
    test, translator = open_split(tmp_path / "prepared", "test"), Translator.load(model_dir)
    for row, pair_id in enumerate(test.pair_ids):
        split, name = pair_id.split("/")
        answer = translator.translate_file(root / split / "A" / f"{name}.png").astype(float)
        assert answer.std() > 10
        error = np.abs(answer - test.target[row]).mean() / 255
        assert evaluation.scores.quality["model"].l1[row] == pytest.approx(error, abs=5e-4)
