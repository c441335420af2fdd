from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.checkpoint import ModelCard, save_model
from pix2pix.data.manifest import SideRecord
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig, PatchDiscriminator, UNetGenerator

GENERATOR = GeneratorConfig(source_channels=1, target_channels=2, base_channels=2, depth=5)
SOURCE = SideRecord(
    kind="image", channels=1, dtype="uint16", value_range=(0.0, 4095.0), kernel="area"
)
TARGET = SideRecord(
    kind="image", channels=2, dtype="float32", value_range=(-3.0, 5.0), kernel="area"
)


def _translator(folder: Path, mode: str) -> Translator:
    torch.manual_seed(1)
    card = ModelCard(
        format=1,
        name="test",
        direction="AtoB",
        image_size=32,
        source=SOURCE,
        target=TARGET,
        generator=GENERATOR,
        discriminator=DiscriminatorConfig(in_channels=3, base_channels=2, num_layers=1),
        inference_mode=mode,
        seed=3,
        epoch=1,
        dev={},
        data_hash="abc",
    )
    generator = UNetGenerator(GENERATOR)
    save_model(
        folder, card, generator=generator, discriminator=PatchDiscriminator(card.discriminator)
    )
    return Translator.load(folder)


def _images(num_images: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 4096, (num_images, height, width, 1)).astype(np.uint16)


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (50, 47), (1, 1), (33, 32), (20, 200)])
def test_any_size_comes_back_as_it_was_in_the_target_s_dtype_and_range(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    image = _images(1, *size)[0]
    translated = _translator(tmp_path, "deterministic").translate(image)
    assert translated.shape == (*size, 2)
    assert translated.dtype == np.float32
    assert translated.min() >= -3.0
    assert translated.max() <= 5.0


@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_a_result_depends_neither_on_its_neighbours_nor_on_the_call(
    tmp_path: Path, mode: str
) -> None:
    translator = _translator(tmp_path, mode)
    images = _images(3, 40, 40)
    together = translator.translate_batch(images)
    np.testing.assert_allclose(together[1], translator.translate(images[1]), atol=1e-5)
    assert np.array_equal(together, translator.translate_batch(images))


def test_where_no_padding_is_needed_the_generator_s_own_answer_is_given(tmp_path: Path) -> None:
    translator = _translator(tmp_path, "deterministic")
    image = _images(1, 32, 64)
    source = torch.from_numpy(image.astype(np.float32)).permute(0, 3, 1, 2) / 4095 * 2 - 1
    with torch.no_grad():
        fake = translator.generator(source)
    expected = ((fake + 1) / 2 * 8 - 3).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(translator.translate_batch(image), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 32, 32, 3), np.uint16), r"shape \(N, H, W, 1\), got \(1, 32, 32, 3\)"),
        (np.zeros((32, 32, 1), np.uint16), r"shape \(N, H, W, 1\), got \(32, 32, 1\)"),
        (np.zeros((1, 0, 32, 1), np.uint16), r"got \(1, 0, 32, 1\)"),
        (np.zeros((1, 32, 32, 1), np.uint8), r"trained on uint16 sources in \[0.0, 4095.0\]"),
    ],
)
def test_images_the_model_was_not_made_for_are_refused(
    tmp_path: Path, images: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _translator(tmp_path, "deterministic").translate_batch(images)
