"""Pairs of several sources from files to weights, scores and pictures."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from pipelines.evaluation.dev_score import score_on_dev
from pipelines.evaluation.model_fit import misfit
from pipelines.evaluation.scores import evaluate_model, write_evaluation
from pipelines.training.batches import train_augmentation
from pix2pix.checkpoint import DISCRIMINATOR_FILE, GENERATOR_FILE
from pix2pix.config import Params
from pix2pix.data.contact_sheet import augmentation_sheet
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.images.grids import as_tile
from pix2pix.inference import Translator
from pix2pix.model_card import load_card
from tests.support.drawn_shapes import Scored, train_and_score, with_augmentation
from tests.support.scenes import DEPTH, PHOTO, scene_params, side_of_images, write_scenes

CHANGES = {"vertical_flip": 0.5, "rotate_deg": 10.0, "brightness": 0.2}
ALIKE = {"kind": "image", "value_range": [0.0, 255.0]}


def weights(model_dir: Path) -> dict[str, torch.Tensor]:
    """The tensors of both networks."""
    return {
        f"{name}/{key}": tensor
        for name in (GENERATOR_FILE, DISCRIMINATOR_FILE)
        for key, tensor in load_file(model_dir / name).items()
    }


@pytest.mark.slow
def test_depth_beside_a_photo_trains_bit_for_bit_like_one_file_of_four_channels(
    tmp_path: Path,
) -> None:
    root = write_scenes(tmp_path / "raw")
    for path in root.rglob("photo/*.png"):
        depth_path = path.parents[1] / "depth" / f"{path.stem}.npy"
        depth = np.load(depth_path) * np.float32(25)
        photo = np.asarray(Image.open(path)).astype(np.float32)
        path.unlink()
        np.save(path.with_suffix(".npy"), photo)
        np.save(depth_path, depth)
        together = path.parents[1] / "four" / f"{path.stem}.npy"
        together.parent.mkdir(exist_ok=True)
        np.save(together, np.concatenate([photo, depth[..., None]], axis=2))

    def trained(name: str, channels: int, extra: list[dict[str, Any]]) -> Scored:
        side = side_of_images() | ALIKE | {"channels": channels}
        # Not resized: OpenCV rounds float32 averages differently for each number of channels.
        params = scene_params(extra, folder_a=name, side_a=side, resize="none", load_size=None)
        params = with_augmentation(params, **CHANGES)
        return train_and_score(root, tmp_path / name, params)

    two = trained("photo", 3, [DEPTH | {"side": ALIKE | {"channels": 1}}])
    one = trained("four", 4, [])
    assert two.manifest.data_hash != one.manifest.data_hash
    expected, found = weights(one.model_dir), weights(two.model_dir)
    assert expected.keys() == found.keys()
    for key, tensor in expected.items():
        assert torch.equal(tensor, found[key]), key
    times = ("time_s", "perf/images_per_s", "perf/data_wait_share", "perf/epoch_s")
    for record, other in zip(one.history, two.history, strict=True):
        assert {k: v for k, v in record.items() if k not in times} == {
            k: v for k, v in other.items() if k not in times
        }
    assert one.report["test"] == two.report["test"]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Params, Scored]:
    """A folder with raw, prepared and model of one-hot labels, depth and photo."""
    folder = tmp_path_factory.mktemp("scenes")
    params = scene_params()
    return folder, params, train_and_score(write_scenes(folder / "raw"), folder, params)


@pytest.mark.slow
def test_scores_are_those_of_the_translated_files(scored: tuple[Path, Params, Scored]) -> None:
    folder, params, result = scored
    evaluation = evaluate_model(folder / "prepared", result.model_dir, params.evaluate)
    translator = Translator.load(result.model_dir)
    test = open_split(folder / "prepared", "test")
    for row in range(len(test)):
        stored = [np.asarray(images[row]) for images in test.sources]
        stored[0] = np.where(stored[0] == 5, np.uint8(255), stored[0])  # void, as in files
        images = dict(zip(translator.sources, stored, strict=True))
        answer = translator.translate(images).astype(float)
        error = np.abs(answer - test.target[row]).mean() / 255
        assert evaluation.scores.quality["model"].l1[row] == pytest.approx(error, abs=5e-3)
    dev = score_on_dev(result.model_dir, folder / "prepared", None)
    assert dev.l1.mean() == pytest.approx(result.history[-1]["dev/l1"], rel=1e-5)


@pytest.mark.slow
def test_what_a_one_hot_source_makes_meaningless_is_left_out_with_a_note(
    scored: tuple[Path, Params, Scored],
) -> None:
    _, _, result = scored
    assert result.report["baselines"].keys() == {"mean_target", "real_vs_real"}
    notes = result.report["warnings"]
    assert "identity is absent: one-hot classes are no picture of the target" in notes


@pytest.mark.slow
def test_pictures_show_each_source(scored: tuple[Path, Params, Scored], tmp_path: Path) -> None:
    folder, params, result = scored
    evaluation = evaluate_model(folder / "prepared", result.model_dir, params.evaluate)
    panel = evaluation.extremes.best()[0]
    test, manifest = open_split(folder / "prepared", "test"), load_manifest(folder / "prepared")
    row = test.pair_ids.index(panel.pair_id)
    for images, (name, side) in zip(test.sources, manifest.sources.items(), strict=True):
        expected = as_tile(np.asarray(images[row]), side.value_range)
        np.testing.assert_allclose(panel.sources[name].astype(int), expected, atol=1)
    write_evaluation(tmp_path, evaluation)
    augmentation = train_augmentation(params, manifest)
    train = open_split(folder / "prepared", "train")
    sheet = augmentation_sheet(train, augmentation, seed=0, num_pairs=1, num_epochs=1)
    assert sheet.shape[0] > 4 * 32  # labels, depth, photo and target, one above the other


@pytest.mark.slow
def test_data_of_other_sources_or_encodings_do_not_fit_the_model(
    scored: tuple[Path, Params, Scored],
) -> None:
    _, _, result = scored
    card, manifest = load_card(result.model_dir), result.manifest
    assert misfit(card, manifest) is None
    fewer = dataclasses.replace(manifest, extra_sources=manifest.extra_sources[:1])
    assert misfit(card, fewer) == (
        "its list of sources is [source, depth, photo], the data's [source, depth]"
    )
    turned = dataclasses.replace(manifest, extra_sources=manifest.extra_sources[::-1])
    assert "its list of sources is" in str(misfit(card, turned))
    scaled = dataclasses.replace(manifest.source, encoding="scaled")
    assert misfit(card, dataclasses.replace(manifest, source=scaled)) == (
        "its source encoding is one_hot, the data's scaled"
    )


@pytest.mark.slow
def test_unlike_sizes_train_and_score_with_several_sources(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "raw", num_scenes=6)
    write_scenes(tmp_path / "raw", num_scenes=3, size=(48, 36))
    params = scene_params([PHOTO], resize="none", load_size=None)
    result = train_and_score(root, tmp_path, params)
    assert np.isfinite(result.report["test"]["l1"])
