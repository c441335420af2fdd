"""A translation depends on its image alone: on no other image, no earlier call, no thread."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.checkpoint import load_generator
from pix2pix.errors import UserError
from pix2pix.models import translate
from tests.support.translators import make_translator, some_images

MODES = ["published", "deterministic"]


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


def test_an_image_of_one_channel_needs_no_axis_for_it(tmp_path: Path) -> None:
    translator = make_translator(tmp_path, "deterministic")
    (image,) = some_images(1, 32, 64)
    np.testing.assert_array_equal(translator.translate(image[..., 0]), translator.translate(image))
    with pytest.raises(UserError, match=r"shape \(H, W, 1\), got \(1, 32, 64, 1\)"):
        translator.translate(image[None])
