import numpy as np
import pytest
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from pix2pix.evaluation.quality import MAX_PSNR_DB, image_quality


def images(num_images: int, channels: int = 3, *, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(num_images, channels, 24, 17, generator=generator) * 2 - 1


def test_a_constant_error_of_a_tenth_gives_l1_a_tenth_and_20_db() -> None:
    target = images(3) * 0.5
    quality = image_quality(target + 0.2, target)
    np.testing.assert_allclose(quality.l1, 0.1, rtol=1e-6)
    np.testing.assert_allclose(quality.psnr_db, 20.0, rtol=1e-6)


def test_values_beyond_the_range_are_errors() -> None:
    target = torch.ones(1, 1, 20, 20)
    assert image_quality(target + 0.5, target).l1 == pytest.approx([0.25])


def test_l1_is_the_share_of_wrong_pixels_between_black_and_white() -> None:
    target = torch.full((1, 1, 20, 20), -1.0)
    fake = target.clone()
    fake[:, :, :5] = 1.0
    assert image_quality(fake, target).l1 == pytest.approx([0.25])


def test_equal_images_have_no_error_full_similarity_and_a_finite_psnr() -> None:
    target = images(2)
    quality = image_quality(target, target)
    assert quality.l1.tolist() == [0.0, 0.0]
    assert quality.psnr_db == pytest.approx([MAX_PSNR_DB] * 2)
    np.testing.assert_allclose(quality.ssim, 1.0, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_each_image_is_scored_by_itself(channels: int) -> None:
    fake, target = images(5, channels), images(5, channels, seed=1)
    together = image_quality(fake, target)
    alone = [image_quality(fake[i : i + 1], target[i : i + 1]) for i in range(5)]
    for column, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert column.shape == (5,)
        np.testing.assert_allclose(column, np.concatenate(parts), atol=1e-6)


def test_psnr_and_ssim_agree_with_torchmetrics_on_a_single_image() -> None:
    fake, target = images(1), images(1, seed=1)
    quality = image_quality(fake, target)
    unit = ((fake + 1) / 2, (target + 1) / 2)
    assert quality.psnr_db[0] == pytest.approx(float(peak_signal_noise_ratio(*unit, 1.0)), rel=1e-5)
    ssim = structural_similarity_index_measure(*unit, data_range=1.0)
    assert quality.ssim[0] == pytest.approx(float(ssim), rel=1e-5)


def test_images_of_unequal_shape_are_refused_instead_of_broadcast() -> None:
    with pytest.raises(ValueError, match="one shape"):
        image_quality(images(2, 1), images(2, 3))


def test_images_smaller_than_the_window_of_ssim_are_refused() -> None:
    with pytest.raises(ValueError, match="11 px"):
        image_quality(torch.zeros(1, 3, 8, 32), torch.zeros(1, 3, 8, 32))


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize("strip_rows", [1, 7, 30])
def test_ssim_in_strips_is_that_of_the_whole_image(
    monkeypatch: pytest.MonkeyPatch, strip_rows: int, is_masked: bool
) -> None:
    fake, target = images(2, seed=0), images(2, seed=1)
    valid = images(2, 1, seed=2) > -0.5 if is_masked else None
    whole = image_quality(fake, target, valid)
    monkeypatch.setattr("pix2pix.evaluation.quality._STRIP_PIXELS", strip_rows * fake.shape[-1])
    np.testing.assert_allclose(image_quality(fake, target, valid).ssim, whole.ssim, atol=1e-6)
