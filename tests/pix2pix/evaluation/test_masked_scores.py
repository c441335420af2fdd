"""Scores leave out the pixels that do not count: closed forms and invariants."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from pix2pix.config import EvaluateConfig
from pix2pix.evaluation.baselines import mean_image, mean_target_fake
from pix2pix.evaluation.extractors import FeatureExtractor
from pix2pix.evaluation.image_groups import single_images
from pix2pix.evaluation.panels import Extremes
from pix2pix.evaluation.protocol import compare_protocols
from pix2pix.evaluation.quality import image_quality
from pix2pix.evaluation.scoring import Scorer


def _images(num_images: int, *, seed: int, size: tuple[int, int] = (24, 31)) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(num_images, 3, *size, generator=random) * 2 - 1


def _valid(num_images: int, *, seed: int = 5, size: tuple[int, int] = (24, 31)) -> Tensor:
    return torch.rand(num_images, 1, *size, generator=torch.Generator().manual_seed(seed)) < 0.7


def test_l1_and_psnr_are_those_of_the_valid_part() -> None:
    fake, target = _images(2, seed=0), _images(2, seed=1)
    valid = torch.zeros(2, 1, 24, 31, dtype=torch.bool)
    valid[..., 4:20, 3:18] = True
    masked = image_quality(fake, target, valid)
    part = image_quality(*(images[..., 4:20, 3:18] for images in (fake, target)))
    np.testing.assert_allclose(masked.l1, part.l1, rtol=1e-12)
    np.testing.assert_allclose(masked.psnr_db, part.psnr_db, rtol=1e-12)


def test_a_known_error_of_one_valid_pixel() -> None:
    target = torch.zeros(1, 1, 16, 16)
    fake = target.clone()
    fake[..., 8, 8] = 0.5  # 0.25 of the range
    fake[..., 2:6, :] = 1.0
    valid = torch.ones(1, 1, 16, 16, dtype=torch.bool)
    valid[..., 2:6, :] = False
    quality = image_quality(fake, target, valid)
    assert quality.l1 == pytest.approx([0.25 / 192])
    assert quality.psnr_db == pytest.approx([-10 * np.log10(0.25**2 / 192)])


def test_what_lies_under_the_mask_changes_no_score() -> None:
    fake, target, valid = _images(3, seed=0), _images(3, seed=1), _valid(3)
    scores = image_quality(fake, target, valid)
    for value in (0.0, 1e3, -7.0):
        other = image_quality(fake, torch.where(valid, target, value), valid)
        third = image_quality(torch.where(valid, fake, value), target, valid)
        for part, changed, changed_too in zip(scores, other, third, strict=True):
            np.testing.assert_array_equal(part, changed)
            np.testing.assert_array_equal(part, changed_too)


def test_without_masked_pixels_ssim_is_that_of_torchmetrics() -> None:
    fake, target = _images(3, seed=0), _images(3, seed=1)
    fake = 0.7 * target + 0.3 * fake
    everything = torch.ones(3, 1, 24, 31, dtype=torch.bool)
    masked, plain = image_quality(fake, target, everything), image_quality(fake, target)
    np.testing.assert_allclose(masked.ssim, plain.ssim, atol=1e-5)
    np.testing.assert_allclose(masked.l1, plain.l1, rtol=1e-12)


def test_ssim_by_hand() -> None:
    """Each valid pixel is the centre of a window, whose weights are those of its valid pixels."""
    fake, target = _images(1, seed=0, size=(12, 11)), _images(1, seed=1, size=(12, 11))
    valid = _valid(1, size=(12, 11))
    gauss = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    mask = np.pad(valid[0, 0].numpy(), 5, mode="reflect")
    expected = []
    for channel in range(3):
        x, y = (
            np.pad((images[0, channel].double().numpy() + 1) / 2, 5, mode="reflect")
            for images in (fake, target)
        )
        for row, column in np.argwhere(valid[0, 0].numpy()):
            window = (slice(row, row + 11), slice(column, column + 11))
            weights = np.outer(gauss, gauss) * mask[window]
            expected.append(_ssim(x[window], y[window], weights / weights.sum()))
    assert image_quality(fake, target, valid).ssim == pytest.approx([np.mean(expected)], abs=1e-6)


def _ssim(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    variances = (weights * (x - mean_x) ** 2).sum() + (weights * (y - mean_y) ** 2).sum()
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    upper = (2 * mean_x * mean_y + 1e-4) * (2 * covariance + 9e-4)
    return float(upper / ((mean_x**2 + mean_y**2 + 1e-4) * (variances + 9e-4)))


def test_an_exact_copy_of_the_valid_pixels_is_perfect() -> None:
    target, valid = _images(2, seed=1), _valid(2)
    quality = image_quality(torch.where(valid, target, 0.3), target, valid)
    assert quality.l1.tolist() == [0, 0]
    assert quality.psnr_db.tolist() == [100, 100]
    np.testing.assert_allclose(quality.ssim, 1, atol=1e-9)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_the_mean_target_is_the_mean_of_what_has_a_value(batch_size: int) -> None:
    targets, valid = _images(5, seed=2), _valid(5)
    valid[..., 0, 0] = False
    batches = zip(targets.split(batch_size), valid.split(batch_size), strict=True)
    mean = mean_image(batches)
    masked = np.ma.masked_array(targets.numpy(), ~valid.expand_as(targets).numpy())
    expected = masked.mean(axis=0, dtype=np.float64).filled(-1.0)
    np.testing.assert_allclose(mean[0].numpy(), expected, rtol=1e-5, atol=1e-6)
    assert (mean[..., 0, 0] == -1).all()
    fake = mean_target_fake(mean, targets)
    assert torch.isfinite(fake).all()


def test_the_mean_target_of_unlike_sizes_mixes_no_pixels_without_a_value() -> None:
    sizes = [(24, 31), (40, 18), (16, 16)]
    batches = []
    for index, size in enumerate(sizes):
        valid = _valid(1, seed=index, size=size)
        valid[..., :6, :6] = False
        batches.append((torch.where(valid, 0.25, 1e3).expand(1, 3, *size), valid))
    mean = mean_image(batches, size_px=(16, 16))
    assert (mean[..., 0, 0] == -1).all()
    kept = mean[mean != -1]
    torch.testing.assert_close(kept, torch.full_like(kept, 0.25))
    assert len(kept) > 600


def test_features_see_the_same_in_fakes_and_targets_where_nothing_counts(
    config: EvaluateConfig, extractor: FeatureExtractor
) -> None:
    target, valid = _images(4, seed=0, size=(16, 16)), _valid(4, size=(16, 16))
    seen: list[Tensor] = []

    def recorded(images: Tensor) -> Tensor:
        seen.append(images)
        return extractor.features(images)  # type: ignore[attr-defined]

    scorer = Scorer(replace(extractor, features=recorded))
    fake = torch.where(valid, target, 0.9)
    scorer.update({"model": fake}, target, list("abcd"), valid=valid)
    assert torch.equal(seen[0], seen[1])
    metrics = scorer.finish(config, groups=single_images(4)).scores["model"].metrics
    assert metrics["l1"].value == 0
    assert metrics["frechet_colours"].value == pytest.approx(0, abs=1e-6)


def test_panels_show_stripes_where_nothing_counts() -> None:
    image, valid = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32, dtype=torch.bool)
    valid[..., :8] = False
    kept = Extremes(1, source_alphas={"source": False})
    kept.update({"source": image}, image, image, pair_ids=["a"], l1=np.zeros(1), valid=valid)
    (panel,) = kept.best()
    for tile in (panel.sources["source"], panel.fake, panel.target):
        assert (tile[:, 8:] == 128).all()
        assert {tuple(colour) for colour in tile[:, :8].reshape(-1, 3).tolist()} == {
            (214, 39, 120),
            (246, 163, 205),
        }


def test_scores_with_and_without_masks_are_not_compared() -> None:
    conditions = dict.fromkeys(
        (
            *("split", "split_hash", "num_images", "resize", "image_size", "direction"),
            *("resize_kernel", "extractor", "extractor_sha256", "kid_subset_size"),
        ),
        1,
    )
    assert compare_protocols(conditions, conditions | {"masked": "none"}) == []
    assert compare_protocols(conditions, conditions | {"masked": "source"}) == [
        "masked: none against source"
    ]
