"""The best and the worst answers of a split, to be looked at: source, fake and target in rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pix2pix.images.grids import as_tile, image_grid


class Panel(NamedTuple):
    """One pair with its answer; images (H, W, 3) uint8."""

    l1: float
    pair_id: str
    source: np.ndarray
    fake: np.ndarray
    target: np.ndarray


class Extremes:
    """Keeps the `num_panels` pairs of lowest and of highest L1 while a split streams past.

    `source_alpha` and `target_alpha`: the last channel of these images is opacity.
    """

    def __init__(
        self, num_panels: int, *, source_alpha: bool = False, target_alpha: bool = False
    ) -> None:
        self._num_panels = num_panels
        self._alphas = (source_alpha, target_alpha, target_alpha)  # of source, fake and target
        self._num_seen = 0
        self._best: list[Panel] = []
        self._worst: list[Panel] = []

    def update(
        self,
        source: Tensor,
        fake: Tensor,
        target: Tensor,
        *,
        pair_ids: Sequence[str],
        l1: np.ndarray,
    ) -> None:
        """Take in a batch: images (N, C, H, W) in [-1, 1], l1 (N,)."""
        batches = zip((source, fake, target), self._alphas, strict=True)
        images = zip(*(_to_tiles(batch, alpha=alpha) for batch, alpha in batches), strict=True)
        panels = [
            Panel(float(score), pair_id, *tiles)
            for score, pair_id, tiles in zip(l1, pair_ids, images, strict=True)
        ]
        self._num_seen += len(panels)
        self._best = sorted([*self._best, *panels], key=_rank)[: self._num_panels]
        self._worst = sorted([*self._worst, *panels], key=_rank)[-self._num_panels :]

    def best(self) -> list[Panel]:
        """The lowest L1 first; with few images at most half of them, so that none is in both."""
        return self._best[: self._limit()]

    def worst(self) -> list[Panel]:
        """The highest L1 first."""
        return self._worst[::-1][: self._limit()]

    def _limit(self) -> int:
        return min(self._num_panels, max(1, self._num_seen // 2))


def panel_image(panels: Sequence[Panel]) -> np.ndarray:
    """One row per panel, source | fake | target, under its pair id and L1; (H, W, 3) uint8.

    Raises ValueError if there are none.
    """
    if not panels:
        raise ValueError("no panels to show")
    strips = [
        image_grid(
            [[panel.source, panel.fake, panel.target]],
            headings=[f"source {panel.pair_id}", f"fake, L1 {panel.l1:.4f}", "target"],
        )
        for panel in panels
    ]
    return image_grid([[strip] for strip in strips])


def _rank(panel: Panel) -> tuple[float, str]:
    """Equal scores are ordered by name, so that the batches do not decide."""
    return panel.l1, panel.pair_id


def _to_tiles(images: Tensor, *, alpha: bool) -> list[np.ndarray]:
    arrays = images.detach().float().permute(0, 2, 3, 1).cpu().numpy()
    return [as_tile(array, (-1.0, 1.0), alpha=alpha) for array in arrays]
