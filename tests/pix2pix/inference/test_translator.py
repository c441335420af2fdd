"""Translation of images of files: they are converted exactly as in the training."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix.checkpoint import load_generator
from pix2pix.config import DataConfig, SideConfig, load_params
from pix2pix.data.loader import EvalBatches
from pix2pix.data.manifest import Manifest, SideRecord
from pix2pix.data.prepared import open_split
from pix2pix.data.ranges import from_network
from pix2pix.errors import UserError
from pix2pix.images.encode import encode
from pix2pix.images.resize import resize
from pix2pix.models import (
    GeneratorConfig,
    InferenceNetwork,
    translate,
)
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.translators import SOURCE, make_translator, some_images

PARAMS = Path(__file__).parents[3] / "params" / "default.yaml"
MODES = ["published", "deterministic"]


def make_config(**changes: object) -> DataConfig:
    config = load_params(PARAMS).data
    defaults = {"source": "folder", "path": "x", "layout": "two_folders", "near_duplicate_bits": -1}
    return dataclasses.replace(config, **defaults, image_size=32, load_size=36, **changes)


def make_side(**changes: object) -> SideConfig:
    return dataclasses.replace(load_params(PARAMS).data.side_a, **changes)


def colours(seed: int) -> bytes:
    return encode(np.random.default_rng(seed).integers(0, 256, (90, 130, 3), dtype=np.uint8))


def palette(seed: int) -> bytes:
    """Return a PNG file of ids 0..4 and void 255, with a palette of random colours."""
    rng = np.random.default_rng(seed)
    ids = rng.choice(np.array([0, 1, 2, 3, 4, 255], np.uint8), (9, 13)).repeat(10, 0).repeat(10, 1)
    picture = Image.fromarray(ids, mode="P")
    picture.putpalette(rng.integers(0, 256, 768).tolist())
    path = Path(f"{seed}.png")
    picture.save(path)
    content = path.read_bytes()
    path.unlink()
    return content


def prepare(folder: Path, draw_source, side_a: SideConfig) -> Manifest:
    for split, size in (("train", 4), ("test", 3)):
        for side in "AB":
            (folder / "raw" / side / split).mkdir(parents=True)
        for index in range(size):
            seed = index + 100 * (split == "test")
            (folder / "raw" / "A" / split / f"{index}.png").write_bytes(draw_source(seed))
            (folder / "raw" / "B" / split / f"{index}.png").write_bytes(colours(seed + 50))
    config = make_config(side_a=side_a, folder_a="A", folder_b="B")
    return prepare_pairs(folder / "raw", folder / "prepared", config, num_workers=1).manifest


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("draw_source", "side_a"),
    [
        (colours, {"kind": "image"}),
        (colours, {"kind": "image", "channels": 1, "grayscale": True}),
        (palette, {"channels": 1, "kind": "labels", "num_labels": 5, "void_label": 255}),
    ],
    ids=["colours", "grayscale", "palette"],
)
def test_the_files_of_the_test_split_get_the_results_that_were_scored(
    draw_source, side_a, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of 90x130 px are resized to the 32 px of the model, and the results back to 90x130."""
    monkeypatch.chdir(tmp_path)
    manifest = prepare(tmp_path, draw_source, make_side(**side_a))
    translator = make_translator(
        tmp_path / "model",
        mode,
        source=manifest.source,
        target=manifest.target,
        generator=GeneratorConfig(
            source_channels=manifest.source.channels, base_channels=2, depth=5
        ),
    )
    network = InferenceNetwork(load_generator(tmp_path / "model")[0], mode)
    batches = EvalBatches(
        open_split(tmp_path / "prepared", "test"),
        source=manifest.source,
        target=manifest.target,
        batch_size=1,
        device=torch.device("cpu"),
    )
    for source, _, (pair_id,), _ in batches:
        fake = translate(network, source.contiguous(), seeds=[3])
        scored = from_network(fake, value_range=(0.0, 255.0), dtype="uint8")[0]
        file = tmp_path / "raw" / "A" / f"{pair_id}.png"
        translated = translator.translate_file(file)
        np.testing.assert_array_equal(translated, resize(scored, 90, 130, kernel="bilinear"))
        assert not np.array_equal(translated, translator.translate_file(file, scale="native"))


def test_an_id_above_the_range_is_refused_with_file_and_id(tmp_path: Path) -> None:
    source = SideRecord("labels", 1, "uint8", (0.0, 4.0), "nearest", num_labels=5)
    translator = make_translator(tmp_path, "deterministic", source=source)
    path = tmp_path / "ids.png"
    path.write_bytes(encode(np.full((8, 8, 1), 7, np.uint8)))
    with pytest.raises(UserError, match=r"ids\.png: holds 7, and the model takes .*0\.\.4"):
        translator.translate_file(path)
    with pytest.raises(UserError, match=r"it holds 7, and the model takes the class ids 0\.\.4"):
        translator.translate(np.full((8, 8, 1), 7, np.uint8))


@pytest.mark.parametrize("scale", ["training", "native"])
@pytest.mark.parametrize("size", [(32, 32), (64, 96), (50, 47), (1, 1), (33, 32), (20, 200)])
def test_a_result_has_the_size_of_its_image_and_the_target_s_dtype_and_range(
    tmp_path: Path, size: tuple[int, int], scale: str
) -> None:
    image = some_images(1, *size)[0]
    translated = make_translator(tmp_path, "deterministic").translate(image, scale=scale)
    assert translated.shape == (*size, 2)
    assert translated.dtype == np.float32
    assert translated.min() >= -3.0
    assert translated.max() <= 5.0


@pytest.mark.parametrize("scale", ["training", "native"])
@pytest.mark.parametrize("mode", MODES)
def test_a_result_depends_neither_on_the_other_images_nor_on_earlier_calls(
    tmp_path: Path, mode: str, scale: str
) -> None:
    translator = make_translator(tmp_path, mode)
    images = some_images(3, 40, 40)
    together = translator.translate_batch(images, scale=scale)
    alone = translator.translate(images[1], scale=scale)
    np.testing.assert_allclose(together[1], alone, atol=1e-5)
    assert np.array_equal(together, translator.translate_batch(images, scale=scale))


@pytest.mark.parametrize("mode", MODES)
def test_a_large_batch_is_translated_in_parts(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = make_translator(tmp_path, mode)
    images = some_images(7, 40, 40)
    at_once = translator.translate_batch(images)
    sizes = []
    monkeypatch.setattr("pix2pix.inference.translator._BATCH_PIXELS", 2 * 32**2 + 1)
    monkeypatch.setattr(
        "pix2pix.inference.whole.translate",
        lambda network, source, seeds: (
            sizes.append(len(source)) or translate(network, source, seeds=seeds)
        ),
    )
    np.testing.assert_allclose(translator.translate_batch(images), at_once, atol=1e-5)
    assert sizes == [2, 2, 2, 1]


def test_the_native_scale_gives_the_output_of_the_generator(tmp_path: Path) -> None:
    translator = make_translator(tmp_path, "deterministic")
    image = some_images(1, 32, 64)
    source = torch.from_numpy(image.astype(np.float32)).permute(0, 3, 1, 2) / 4095 * 2 - 1
    with torch.no_grad():
        fake = load_generator(tmp_path)[0](source)
    expected = ((fake + 1) / 2 * 8 - 3).permute(0, 2, 3, 1).numpy()
    translated = translator.translate_batch(image, scale="native")
    np.testing.assert_allclose(translated, expected, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_twenty_threads_at_once_get_the_same_bits_as_one_after_the_other(
    tmp_path: Path, mode: str
) -> None:
    translator = make_translator(tmp_path, mode)
    images = [some_images(1 + index % 3, 20 + index, 40) for index in range(20)]
    expected = [translator.translate_batch(batch) for batch in images]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(translator.translate_batch, images))
    assert all(map(np.array_equal, answers, expected))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            np.zeros((1, 32, 32, 3), np.uint16),
            r"this image: it has 3 channels, and the model takes 1",
        ),
        (np.zeros((32, 32, 1), np.uint16), r"shape \(N, H, W, 1\), got \(32, 32, 1\)"),
        (np.zeros((0, 32, 32, 1), np.uint16), r"got \(0, 32, 32, 1\)"),
        (np.zeros((1, 0, 32, 1), np.uint16), r"got \(1, 0, 32, 1\)"),
        (np.zeros((1, 32, 32, 1), np.uint8), r"trained on uint16 sources in \[0.0, 4095.0\]"),
        (np.zeros((1, 32, 32, 1), object), "trained on uint16 sources"),
        (np.array(7), r"got \(\)"),
    ],
)
def test_images_that_do_not_fit_the_model_are_refused(
    tmp_path: Path, images: np.ndarray, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make_translator(tmp_path, "deterministic").translate_batch(images)


def test_an_image_of_one_channel_needs_no_axis_for_it(tmp_path: Path) -> None:
    translator = make_translator(tmp_path, "deterministic")
    (image,) = some_images(1, 32, 64)
    np.testing.assert_array_equal(translator.translate(image[..., 0]), translator.translate(image))
    with pytest.raises(UserError, match=r"shape \(H, W, 1\), got \(1, 32, 64, 1\)"):
        translator.translate(image[None])


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image.new("L", (64, 32)), "Image"),
        ("photo.png", "str"),
        (Path("photo.png"), "PosixPath"),
        ([[1, 2], [3, 4]], "list"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_array_is_refused_with_the_way_to_one(
    tmp_path: Path, image: Any, kind: str
) -> None:
    translator = make_translator(tmp_path, "deterministic")
    for call in (translator.translate, translator.translate_batch):
        with pytest.raises(UserError, match=rf"got {kind}: read a file with pix2pix.*asarray"):
            call(image)


def test_the_image_of_a_batch_that_does_not_fit_is_named(tmp_path: Path) -> None:
    source = dataclasses.replace(SOURCE, dtype="float32", value_range=(0.0, 1.0))
    images = np.zeros((3, 32, 32, 1), np.float32)
    images[2, 3, 4] = np.nan
    with pytest.raises(
        UserError, match=r"cannot translate image 2 \(counted from 0\): it holds NaN"
    ):
        make_translator(tmp_path, "deterministic", source=source).translate_batch(images)
    ids = dataclasses.replace(
        SOURCE, kind="labels", dtype="uint8", value_range=(0.0, 3.0), num_labels=4
    )
    labels = np.zeros((3, 32, 32, 1), np.uint8)
    labels[1] = 7
    with pytest.raises(UserError, match=r"image 1 \(counted from 0\): it holds 7, and the model"):
        make_translator(tmp_path, "deterministic", source=ids).translate_batch(labels)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "cannot translate this image: it holds NaN or infinite"),
        (-np.inf, "cannot translate this image: it holds NaN or infinite"),
        (3e38, r"this image: it holds values from 0 to 3e\+38, far outside of \[0.0, 1.0\]"),
        (-3.01, r"it holds values from -3.01 to 0, far outside .* convert the units, or give"),
    ],
)
def test_values_that_cannot_be_translated_are_refused(
    tmp_path: Path, value: float, message: str, mode: str
) -> None:
    source = dataclasses.replace(SOURCE, dtype="float32", value_range=(0.0, 1.0))
    translator = make_translator(tmp_path, mode, source=source)
    image = np.zeros((32, 32, 1), np.float32)
    image[3, 4] = value
    with pytest.raises(UserError, match=message):
        translator.translate(image)


def test_values_outside_of_the_range_are_translated_with_a_warning_that_names_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = dataclasses.replace(SOURCE, dtype="float32", value_range=(0.1, 1.0))
    translator = make_translator(tmp_path, "deterministic", source=source)
    path, image = tmp_path / "x.npy", np.full((32, 32, 1), 0.1, np.float32)
    np.save(path, image)
    translator.translate_file(path)
    assert caplog.messages == []
    image[3, 4] = 1.5
    np.save(path, image)
    translator.translate_file(path)
    assert caplog.messages == [
        f"{path}: holds values from 0.1 to 1.5; the model was trained on [0.1, 1.0]"
    ]
    image[3, 4] = -9999
    np.save(path, image)
    with pytest.raises(UserError, match=r"x\.npy: .* far outside of \[0.1, 1.0\]"):
        translator.translate_file(path)


def test_integers_far_outside_of_the_range_are_refused(tmp_path: Path) -> None:
    """The source has 12 bits: what is above four times as much has another unit."""
    translator = make_translator(tmp_path, "deterministic")
    image = some_images(1, 32, 32)[0]
    image[3, 4] = 4 * 4095
    assert translator.translate(image).shape == (32, 32, 2)
    image[3, 4] += 1
    with pytest.raises(UserError, match=r"holds values from \d+ to 16381, far outside"):
        translator.translate(image)


def test_damaged_weights_are_named_as_such(tmp_path: Path) -> None:
    translator = make_translator(tmp_path, "deterministic")
    with torch.no_grad():
        next(translator.network.buffers()).fill_(torch.nan)
    with pytest.raises(UserError, match="answers with NaN or infinite values"):
        translator.translate(some_images(1, 32, 32)[0])


def test_an_image_that_needs_too_much_memory_is_refused_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = make_translator(tmp_path, "deterministic")
    monkeypatch.setattr("pix2pix.memory.available_bytes", lambda device: 2**22)
    image = np.broadcast_to(np.zeros(1, np.uint16), (4000, 6000, 1))
    with pytest.raises(UserError, match=r"6000x4000 px needs about .* 4 MiB are available"):
        translator.translate(image, scale="native")
    assert translator.translate(some_images(1, 32, 32)[0]).shape == (32, 32, 2)
