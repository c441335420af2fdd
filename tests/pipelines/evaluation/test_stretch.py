"""`resize: stretch`: the bytes are those from before other rules existed, and rectangles work.

Recorded on 2026-11-27 with numpy 2.4.6, torch 2.14.1 and albumentations 2.0.8.
"""

from pathlib import Path

import numpy as np
import pytest

from pipelines.evaluation.scores import evaluate_model
from pix2pix.data.prepared import open_split
from pix2pix.evaluation.report import report_json
from pix2pix.images.resize import resize
from pix2pix.inference import Translator
from pix2pix.preparation.pairs import find_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.read_pairs import read_pair
from tests.support.drawn_shapes import (
    batches_hash,
    make_params,
    train_and_score,
    with_augmentation,
    write_pairs,
)
from tests.support.folders import file_hashes

SIZES = [(40, 60), (48, 48), (64, 40)] * 6
DATA_HASH = "666960226424578a5c463439a82453ca710f320852c05bcab2e39ffac7408d25"
FILES = {
    "dev/source.npy": "b53be0e99d25e9e161bd906f637b1eb1110af6349cd62508399c25860bfddbf2",
    "dev/target.npy": "9a48eb9fd460d6964d1eba03c3ba9679dfda1fc4e1e25d7b13c1a0a392b2e5f4",
    "manifest.json": "f836eb61488ef68a403714ceab96d594324d1a13ee035a5af7c31df5724eef67",
    "test/source.npy": "1437b80048117be2624ad81bd90eeb2e32344ec26a7453a5488872dab0f423e1",
    "test/target.npy": "a6515e9a0e6091cca90a7639ea11c07f31ad7ac2b698cfc3a56537f2ff5f4188",
    "reference/target.npy": "cae5f1fae341e95fe666a9d8238e245f5e4c9233bbdfe8ff7c9e95e40ecce99b",
    "train/source.npy": "9cf36b8fe0a4ee1c2f36b06bbd0aad378d10f3f621f37965e018019f6a600c2a",
    "train/target.npy": "eb5753d7e047688b9f75ec1dcbad38d7c248902d461479389851bb108cb96782",
}
BATCHES = "cd589b5e7bd6907ee4eca261f606b1335bb1b2e11acea26a48fc54eaf9b4128c"
TURNED_BATCHES = "e60a7c0fb903a99fb5cfe0b7810b1660c34a056bf95d1163ae60f70bf203945c"
LOSS_G, DEV_L1, TEST_L1 = 43.85591929157575, 0.23313543514247057, 0.2349324704102603
BASELINES_L1 = {"mean_target": 0.24094587249500263, "identity": 0.47029039948635426}


def test_arrays_manifest_and_batches_are_byte_for_byte_those_of_before(tmp_path: Path) -> None:
    params = make_params(image_size=32, load_size=37)
    prepared = tmp_path / "prepared"
    manifest, _ = prepare_pairs(write_pairs(tmp_path / "raw", SIZES), prepared, params.data)

    assert manifest.data_hash == DATA_HASH
    assert file_hashes(prepared) == FILES
    assert batches_hash(prepared, params) == BATCHES
    turned = with_augmentation(
        params,
        rotate_deg=20.0,
        scale=0.2,
        rotate_90=0.5,
        vertical_flip=0.5,
        noise=0.02,
        brightness=0.1,
    )
    assert batches_hash(prepared, turned) == TURNED_BATCHES


@pytest.mark.slow
def test_a_training_and_its_scores_are_those_of_before(tmp_path: Path) -> None:
    params = make_params(image_size=32, load_size=37)
    scored = train_and_score(write_pairs(tmp_path / "raw", SIZES), tmp_path, params)

    # The order of float sums differs between processors.
    assert scored.history[-1]["train/loss_g"] == pytest.approx(LOSS_G, rel=1e-5)
    assert scored.history[-1]["dev/l1"] == pytest.approx(DEV_L1, rel=1e-5)
    assert scored.report["test"]["l1"] == pytest.approx(TEST_L1, rel=1e-5)
    for name, l1 in BASELINES_L1.items():
        assert scored.report["baselines"][name]["l1"] == pytest.approx(l1, rel=1e-6)


@pytest.mark.slow
def test_rectangles_train_and_score_and_translate_to_the_size_of_the_image(tmp_path: Path) -> None:
    params = make_params(image_size=[32, 64], load_size=[36, 70])
    root = write_pairs(tmp_path / "raw", [(40, 70), (64, 64), (50, 200)] * 4)
    scored = train_and_score(root, tmp_path, params)

    shapes = {split: open_split(tmp_path / "prepared", split).source.shape for split in FOLDERS}
    assert shapes == {"train": (8, 36, 70, 3), "dev": (2, 32, 64, 3), "test": (2, 32, 64, 3)}
    files = find_pairs(root, params.data).pairs[0]
    expected = resize(read_pair(files, params.data).images[0].pixels, 32, 64, kernel="area")
    np.testing.assert_array_equal(open_split(tmp_path / "prepared", "dev").source[0], expected)
    assert scored.report["protocol"]["image_size"] == (32, 64)
    translated = Translator.load(scored.model_dir).translate(np.zeros((50, 90, 3), np.uint8))
    assert translated.shape == (50, 90, 3)


FOLDERS = ("train", "dev", "test")


@pytest.mark.slow
def test_intervals_draw_the_groups_of_data_group(tmp_path: Path) -> None:
    params = make_params(image_size=32, load_size=32)
    scored = train_and_score(write_pairs(tmp_path / "raw", SIZES), tmp_path, params)
    first_digit = r"(.)\d$"  # of the test pairs 02, 08 and 14
    evaluation = evaluate_model(
        tmp_path / "prepared", scored.model_dir, params.evaluate, group=first_digit
    )
    alone, grouped = scored.report, report_json(evaluation.report)

    assert alone["protocol"]["num_groups"] == alone["protocol"]["num_images"] == 3
    assert grouped["protocol"]["num_groups"] == 2
    assert grouped["test"]["l1"] == alone["test"]["l1"]
    assert grouped["test"]["l1_low"] != alone["test"]["l1_low"]
