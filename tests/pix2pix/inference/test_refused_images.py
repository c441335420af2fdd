"""What a model cannot translate is refused, with what is wrong and where."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.images.encode import encode
from tests.support.translators import SOURCE, make_translator, some_images

MODES = ["published", "deterministic"]


def test_an_id_above_the_range_is_refused_with_file_and_id(tmp_path: Path) -> None:
    source = SideRecord("labels", 1, "uint8", (0.0, 4.0), "nearest", num_labels=5)
    translator = make_translator(tmp_path, "deterministic", source=source)
    path = tmp_path / "ids.png"
    path.write_bytes(encode(np.full((8, 8, 1), 7, np.uint8)))
    with pytest.raises(UserError, match=r"ids\.png: holds 7, and the model takes .*0\.\.4"):
        translator.translate_file(path)
    with pytest.raises(UserError, match=r"it holds 7, and the model takes the class ids 0\.\.4"):
        translator.translate(np.full((8, 8, 1), 7, np.uint8))


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
