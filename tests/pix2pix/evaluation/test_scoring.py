from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from pix2pix.config import EvaluateConfig
from pix2pix.evaluation.baselines import IDENTITY, REAL_VS_REAL
from pix2pix.evaluation.extractors import INCEPTION, FeatureExtractor, NetworkExtractor
from pix2pix.evaluation.features import extract_features
from pix2pix.evaluation.frechet import frechet_distance
from pix2pix.evaluation.image_groups import ImageGroups, groups_named, single_images
from pix2pix.evaluation.scoring import Reference, Scorer, SplitScores, distance_names

QUALITY = ["l1", "psnr_db", "ssim"]
DISTANCES = ["frechet_colours", "kid_colours"]


class ScoredBatch(NamedTuple):
    fakes: dict[str, torch.Tensor]
    target: torch.Tensor
    pair_ids: list[str]


def score(
    scored: Iterable[ScoredBatch],
    *,
    extractor: FeatureExtractor,
    config: EvaluateConfig,
    reference: np.ndarray | None = None,
    groups: ImageGroups | None = None,
) -> SplitScores:
    scorer, num_images = Scorer(extractor), 0
    for batch in scored:
        scorer.update(*batch)
        num_images += len(batch.pair_ids)
    groups = groups or single_images(num_images)
    others = None if reference is None else Reference(reference, single_images(len(reference)))
    return scorer.finish(config, groups=groups, reference=others)


def images(num_images: int, channels: int = 3, *, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(num_images, channels, 16, 16, generator=generator) * 2 - 1


def batches(num_images: int, *, batch_size: int = 4, channels: int = 3) -> Iterator[ScoredBatch]:
    target, source = images(num_images, channels), images(num_images, channels, seed=1)
    fakes = {"model": 0.8 * target + 0.2 * source, IDENTITY: source}
    for start in range(0, num_images, batch_size):
        rows = slice(start, start + batch_size)
        yield ScoredBatch(
            fakes={name: fake[rows] for name, fake in fakes.items()},
            target=target[rows],
            pair_ids=[f"pair{i}" for i in range(num_images)][rows],
        )


def values(scores: SplitScores) -> dict[str, float]:
    return {
        f"{name}/{metric}/{bound}": getattr(interval, bound)
        for name, of_set in scores.scores.items()
        for metric, interval in of_set.metrics.items()
        for bound in ("value", "low", "high")
        if getattr(interval, bound) is not None
    }


@pytest.mark.parametrize("batch_size", [1, 5, 12])
def test_scores_do_not_depend_on_the_batches(
    batch_size: int, extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    whole = score(batches(12), extractor=extractor, config=config)
    parts = score(batches(12, batch_size=batch_size), extractor=extractor, config=config)
    assert parts.pair_ids == whole.pair_ids
    assert values(parts) == pytest.approx(values(whole), rel=1e-5, abs=1e-9)


def test_all_fakes_get_the_same_metrics_and_the_closer_ones_better_scores(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    result = score(batches(12), extractor=extractor, config=config)
    model, identity = result.scores["model"], result.scores[IDENTITY]
    assert list(model.metrics) == list(identity.metrics) == QUALITY + DISTANCES
    assert model.num_images == 12
    assert model.metrics["l1"].value == pytest.approx(0.2 * identity.metrics["l1"].value, rel=1e-5)
    frechet = "frechet_colours"
    assert model.metrics[frechet].value < identity.metrics[frechet].value
    assert result.warnings == ()


def test_every_interval_contains_its_estimate(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    result = score(batches(12), extractor=extractor, config=config).scores["model"].metrics
    for name, interval in result.items():
        assert interval.low < interval.value < interval.high, name


def test_subsets_that_are_not_all_images_have_a_deviation(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    small = replace(config, kid_subset_size=8)
    metrics = score(batches(12), extractor=extractor, config=small).scores["model"].metrics
    assert list(metrics) == [*QUALITY, *DISTANCES, "kid_colours_std"]
    assert metrics["kid_colours_std"].value > 0


def test_distances_are_called_fid_and_kid_with_inception_alone(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    assert distance_names("efficientnet_lite0") == (
        "frechet_efficientnet_lite0",
        "kid_efficientnet_lite0",
    )
    inception = replace(extractor, name=INCEPTION)
    named = score(batches(6), extractor=inception, config=config).scores["model"].metrics
    other = score(batches(6), extractor=extractor, config=config).scores["model"].metrics
    assert list(named) == [*QUALITY, "fid", "kid"]
    assert not {"fid", "kid"} & set(other)


def test_real_vs_real_is_the_distance_between_other_real_images_and_the_targets(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    reference = extract_features([images(12, seed=7)], extractor)
    result = score(batches(12), extractor=extractor, config=config, reference=reference)
    floor = result.scores[REAL_VS_REAL]
    assert list(floor.metrics) == DISTANCES
    real = extract_features([images(12)], extractor)
    assert floor.metrics["frechet_colours"].value == frechet_distance(reference, real)
    assert result.warnings == ()  # it is as large as the split


def test_a_reference_of_one_group_has_distances_without_intervals(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    features = extract_features([images(12, seed=7)], extractor)
    scorer = Scorer(extractor)
    for batch in batches(12):
        scorer.update(*batch)
    reference = Reference(features, groups_named(["one"] * 12))
    metrics = (
        scorer.finish(config, groups=single_images(12), reference=reference)
        .scores[REAL_VS_REAL]
        .metrics
    )
    assert list(metrics) == DISTANCES
    assert all(interval.low is interval.high is None for interval in metrics.values())


def test_images_of_one_group_have_scores_without_intervals(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    single = score(batches(12), extractor=extractor, config=config)
    grouped = score(
        batches(12), extractor=extractor, config=config, groups=groups_named(["film"] * 12)
    )
    assert grouped.warnings == ("no intervals: all images are of one group (data.group)",)
    metrics = grouped.scores["model"].metrics
    assert {name: each.value for name, each in metrics.items()} == {
        name: each.value for name, each in single.scores["model"].metrics.items()
    }
    assert all(each.low is each.high is None for each in metrics.values())


def test_few_groups_are_named_by_a_warning(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    groups = groups_named([f"film{image // 4}" for image in range(12)])
    result = score(batches(12), extractor=extractor, config=config, groups=groups)
    assert result.scores["model"].metrics["l1"].low is not None
    assert result.warnings == (
        "intervals may be too narrow: the images are of 3 groups only, and intervals need 8",
    )


def test_few_images_are_named_by_a_warning(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    result = score(batches(7), extractor=extractor, config=config)
    assert result.warnings == (
        "intervals may be too narrow: there are 7 images only, and intervals need 8",
    )


def test_a_smaller_reference_is_used_with_a_warning(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    reference = extract_features([images(5, seed=7)], extractor)
    result = score(batches(12), extractor=extractor, config=config, reference=reference)
    assert result.scores[REAL_VS_REAL].num_images == 5
    assert "real_vs_real has 5 images for 12 targets" in result.warnings[0]


def test_gray_images_are_scored_like_any_other(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    result = score(batches(6, channels=1), extractor=extractor, config=config)
    assert list(result.scores["model"].metrics) == QUALITY + DISTANCES


def test_images_without_an_rgb_form_have_no_distances_and_a_warning(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    result = score(batches(8, channels=2), extractor=extractor, config=config)
    assert list(result.scores["model"].metrics) == QUALITY
    assert result.warnings == (
        "frechet_colours and kid_colours are absent: 2 channels have no RGB form",
    )


def test_one_image_has_quality_but_neither_intervals_nor_distances(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    result = score(batches(1), extractor=extractor, config=config)
    metrics = result.scores["model"].metrics
    assert list(metrics) == QUALITY
    assert all(interval.low is interval.high is None for interval in metrics.values())
    assert any("they need 2 images, got 1" in warning for warning in result.warnings)


def test_quality_is_kept_per_image_in_the_order_of_the_pairs(
    extractor: NetworkExtractor, config: EvaluateConfig
) -> None:
    result = score(batches(6, batch_size=4), extractor=extractor, config=config)
    assert result.pair_ids == tuple(f"pair{i}" for i in range(6))
    target, source = images(6), images(6, seed=1)
    expected = (source - target).abs().mean(dim=(1, 2, 3)) / 2
    np.testing.assert_allclose(result.quality[IDENTITY].l1, expected, rtol=1e-5)


def test_features_of_the_targets_are_computed_once_for_all_fakes(
    extractor: NetworkExtractor,
) -> None:
    sizes = []
    counting = replace(
        extractor, features=lambda rgb: sizes.append(len(rgb)) or rgb.float().mean((2, 3))
    )
    scorer = Scorer(counting)
    for batch in batches(8):
        scorer.update(batch.fakes, batch.target, batch.pair_ids)
    assert sum(sizes) == 8 * 3


def test_a_non_finite_fake_stops_the_scoring_and_names_the_pair(
    extractor: NetworkExtractor,
) -> None:
    target = images(3)
    fake = target.clone()
    fake[1, 0, 5, 5] = torch.nan
    with pytest.raises(ValueError, match=r"model: not all pixels are finite in b$"):
        Scorer(extractor).update({"model": fake}, target, ["a", "b", "c"])


def test_batches_with_other_fakes_than_before_are_refused(extractor: NetworkExtractor) -> None:
    scorer, target = Scorer(extractor), images(2)
    scorer.update({"model": target}, target, ["a", "b"])
    with pytest.raises(ValueError, match=r"expected fakes of \['model'\], got \['other'\]"):
        scorer.update({"other": target}, target, ["c", "d"])
    with pytest.raises(ValueError, match="1 pair ids for 2 targets"):
        scorer.update({"model": target}, target, ["c"])


def test_an_empty_split_is_refused(extractor: NetworkExtractor, config: EvaluateConfig) -> None:
    with pytest.raises(ValueError, match="the split is empty"):
        score([], extractor=extractor, config=config)
