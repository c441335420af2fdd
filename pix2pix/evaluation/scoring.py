"""Scores of one split, batch by batch, of the model and its baselines by the same code.

Images are not kept, only the quality and the features of each image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pix2pix.config import EvaluateConfig
from pix2pix.errors import UserError
from pix2pix.evaluation.baselines import REAL_VS_REAL
from pix2pix.evaluation.extractors import INCEPTION, FeatureExtractor
from pix2pix.evaluation.features import MIN_IMAGES, to_rgb8
from pix2pix.evaluation.frechet import frechet_interval
from pix2pix.evaluation.image_groups import ImageGroups
from pix2pix.evaluation.intervals import Interval, bootstrap_mean
from pix2pix.evaluation.kernel_distance import kernel_interval
from pix2pix.evaluation.paired import MIN_GROUPS
from pix2pix.evaluation.quality import Quality, image_quality
from pix2pix.plural import counted
from pix2pix.valid_pixels import with_target_where_masked


@dataclass(frozen=True, kw_only=True, slots=True)
class SetScores:
    """Scores of one set of images: estimate and interval by name of metric, in order of display."""

    num_images: int
    metrics: Mapping[str, Interval]


class Reference(NamedTuple):
    """Features (M, F) of other real images than the targets, and the groups of these images."""

    features: np.ndarray
    groups: ImageGroups


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitScores:
    """All scores of a split; `quality` has those of each image. Keys are the names of the fakes."""

    pair_ids: tuple[str, ...]
    quality: Mapping[str, Quality]
    scores: Mapping[str, SetScores]
    warnings: tuple[str, ...]


def distance_names(extractor_name: str) -> tuple[str, str]:
    """Return the names of Frechet and kernel distance, which are fid and kid only for Inception."""
    if extractor_name == INCEPTION:
        return "fid", "kid"
    return f"frechet_{extractor_name}", f"kid_{extractor_name}"


class Scorer:
    """Collects quality and features of the model's fakes and of any number of baselines."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        self._extractor = extractor
        self._pair_ids: list[str] = []
        self._quality: dict[str, list[Quality]] = {}
        self._features: dict[str, list[np.ndarray]] = {}
        self._real_features: list[np.ndarray] = []
        self._channels = 0

    def update(
        self,
        fakes: Mapping[str, Tensor],
        target: Tensor,
        pair_ids: Sequence[str],
        *,
        valid: Tensor | None = None,
    ) -> dict[str, Quality]:
        """Score one batch and return its quality; all images are (N, C, H, W) in [-1, 1].

        `valid` (N, 1, H, W) bool says which pixels count; None: all. In the others, features see
        the target's values in fakes and targets.
        The features of the targets are computed once for all fakes.
        Raises UserError naming the pairs of non-finite images, and ValueError for wrong shapes or
        other names of fakes than in earlier batches.
        """
        if self._quality and fakes.keys() != self._quality.keys():
            raise ValueError(f"expected fakes of {list(self._quality)}, got {list(fakes)}")
        if len(pair_ids) != len(target):
            raise ValueError(f"{len(pair_ids)} pair ids for {len(target)} targets")
        for name, images in {**fakes, "target": target}.items():
            _check_finite(name, images, pair_ids)
        scored = {name: image_quality(fake, target, valid) for name, fake in fakes.items()}
        for name, quality in scored.items():
            self._quality.setdefault(name, []).append(quality)
        self._pair_ids.extend(pair_ids)
        self._channels = target.shape[1]
        shown = {
            name: with_target_where_masked(fake, target, valid) for name, fake in fakes.items()
        }
        self._add_features(shown, target)
        return scored

    def _add_features(self, fakes: Mapping[str, Tensor], target: Tensor) -> None:
        real = to_rgb8(target)
        if real is None:
            return
        self._real_features.append(self._extractor(real).numpy())
        for name, fake in fakes.items():
            rgb = to_rgb8(fake)
            assert rgb is not None  # it has the shape of the target
            self._features.setdefault(name, []).append(self._extractor(rgb).numpy())

    def finish(
        self,
        config: EvaluateConfig,
        *,
        groups: ImageGroups,
        reference: Reference | None = None,
    ) -> SplitScores:
        """Return estimates and intervals over all images so far.

        `groups` are those of the images, in the order of the updates.
        With a `reference`, `real_vs_real` is added: its distance to the targets. For distances that
        cannot be computed, `warnings` has the reason. Raises UserError if nothing was scored.
        """
        if not self._pair_ids:
            raise UserError("no images to score: the split is empty")
        quality = {name: _concatenated(parts) for name, parts in self._quality.items()}
        distances = self._distances(config, groups, reference)
        scores = {
            name: SetScores(
                num_images=len(self._pair_ids),
                metrics={**_mean_metrics(images, groups, config), **distances.get(name, {})},
            )
            for name, images in quality.items()
        }
        if reference is not None and REAL_VS_REAL in distances:
            scores[REAL_VS_REAL] = SetScores(
                num_images=len(reference.features), metrics=distances[REAL_VS_REAL]
            )
        return SplitScores(
            pair_ids=tuple(self._pair_ids),
            quality=quality,
            scores=scores,
            warnings=self._warnings(groups, reference),
        )

    def _distances(
        self, config: EvaluateConfig, groups: ImageGroups, reference: Reference | None
    ) -> dict[str, dict[str, Interval]]:
        """Return the distances to the targets by name of the fakes; empty if there are none."""
        if not self._features or len(self._pair_ids) < MIN_IMAGES:
            return {}
        names = distance_names(self._extractor.name)
        real = np.concatenate(self._real_features)
        distances = {
            name: _set_distances(
                (np.concatenate(parts), real),
                (groups, groups),
                names=names,
                paired=True,
                config=config,
            )
            for name, parts in self._features.items()
        }
        if reference is not None and len(reference.features) >= MIN_IMAGES:
            distances[REAL_VS_REAL] = _set_distances(
                (reference.features, real),
                (reference.groups, groups),
                names=names,
                paired=False,
                config=config,
            )
        return distances

    def _warnings(self, groups: ImageGroups, reference: Reference | None) -> tuple[str, ...]:
        """Return which scores are absent or unreliable, and why."""
        warnings = []
        num_images = len(self._pair_ids)
        if num_images == 1:
            warnings.append("no intervals: they need more than one image")
        elif len(groups) == 1:
            warnings.append("no intervals: all images are of one group (data.group)")
        elif len(groups) < MIN_GROUPS:
            found = (
                f"there are {num_images} images"
                if len(groups) == num_images
                else f"the images are of {len(groups)} groups"
            )
            warnings.append(
                f"intervals may be too narrow: {found} only, and intervals need {MIN_GROUPS}"
            )
        names = distance_names(self._extractor.name)
        absent = f"{' and '.join(names)} are absent:"
        if not self._features:
            warnings.append(f"{absent} {self._channels} channels have no RGB form")
        elif num_images < MIN_IMAGES:
            warnings.append(f"{absent} they need {MIN_IMAGES} images, got {num_images}")
        elif reference is not None and len(reference.features) < num_images:
            warnings.append(
                f"{REAL_VS_REAL} has {counted(len(reference.features), 'image')} for {num_images} "
                f"targets, too few for a fair {names[0]}: it grows as sets shrink"
            )
        return tuple(warnings)


def _concatenated(parts: Sequence[Quality]) -> Quality:
    return Quality(*(np.concatenate(scores) for scores in zip(*parts, strict=True)))


def _mean_metrics(
    quality: Quality, groups: ImageGroups, config: EvaluateConfig
) -> dict[str, Interval]:
    """Return the means over images with their intervals: l1, psnr_db, ssim."""
    return {
        name: bootstrap_mean(
            values,
            num_resamples=config.num_bootstrap,
            confidence=config.confidence,
            seed=config.seed,
            groups=groups,
        )
        for name, values in quality._asdict().items()
    }


def _set_distances(
    sets: tuple[np.ndarray, np.ndarray],
    groups: tuple[ImageGroups, ImageGroups],
    *,
    names: tuple[str, str],
    paired: bool,
    config: EvaluateConfig,
) -> dict[str, Interval]:
    """Return Frechet and kernel distance of two sets of features, with intervals.

    The deviation of the kernel distance over its subsets has none, and is absent if they are alike.
    """
    kernel, deviation = kernel_interval(*sets, paired=paired, config=config, groups=groups)
    distances = {
        names[0]: frechet_interval(*sets, paired=paired, config=config, groups=groups),
        names[1]: kernel,
    }
    if deviation is not None:
        distances[f"{names[1]}_std"] = Interval(deviation, None, None)
    return distances


def _check_finite(name: str, images: Tensor, pair_ids: Sequence[str]) -> None:
    finite = torch.isfinite(images).flatten(start_dim=1).all(dim=1)
    if not finite.all():
        wrong = [pair for pair, good in zip(pair_ids, finite.tolist(), strict=True) if not good]
        raise UserError(f"{name}: not all pixels are finite in {', '.join(wrong[:5])}")
