"""Pictures of the best and the worst results of a split: sources, fake and target in rows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pix2pix.images.grids import as_tile, image_grid


class Panel(NamedTuple):
    """One pair with its fake; images are (H, W, 3) uint8, `sources` by name."""

    l1: float
    pair_id: str
    sources: Mapping[str, np.ndarray]
    fake: np.ndarray
    target: np.ndarray


class Extremes:
    """Keeps the `num_panels` pairs with the lowest and the highest L1 of all batches so far.

    `source_alphas` (by name of the source) and `target_alpha` say whether the last channel of these
    images is opacity.
    """

    def __init__(
        self, num_panels: int, *, source_alphas: Mapping[str, bool], target_alpha: bool = False
    ) -> None:
        self._num_panels = num_panels
        self._source_alphas = source_alphas
        self._target_alpha = target_alpha
        self._num_seen = 0
        self._best: list[Panel] = []
        self._worst: list[Panel] = []

    def update(
        self,
        sources: Mapping[str, Tensor],
        fake: Tensor,
        target: Tensor,
        *,
        pair_ids: Sequence[str],
        l1: np.ndarray,
        valid: Tensor | None = None,
    ) -> None:
        """Add a batch: images (N, C, H, W) in [-1, 1], l1 (N,), valid (N, 1, H, W) bool.

        Pixels that are not valid are drawn as stripes; with `valid` None, all are valid.
        """
        by_source = {
            name: _to_tiles(batch, valid, alpha=self._source_alphas[name])
            for name, batch in sources.items()
        }
        fakes, targets = (
            _to_tiles(batch, valid, alpha=self._target_alpha) for batch in (fake, target)
        )
        panels = [
            Panel(
                l1=float(l1[row]),
                pair_id=pair_id,
                sources={name: tiles[row] for name, tiles in by_source.items()},
                fake=fakes[row],
                target=targets[row],
            )
            for row, pair_id in enumerate(pair_ids)
        ]
        self._num_seen += len(panels)
        self._best = sorted([*self._best, *panels], key=_rank)[: self._num_panels]
        self._worst = sorted([*self._worst, *panels], key=_rank)[-self._num_panels :]

    def best(self) -> list[Panel]:
        """Return the pairs with the lowest L1, lowest first."""
        return self._best[: self._limit()]

    def worst(self) -> list[Panel]:
        """Return the pairs with the highest L1, highest first."""
        return self._worst[::-1][: self._limit()]

    def _limit(self) -> int:
        # With few pairs half of them, so that none is among both the best and the worst.
        return min(self._num_panels, max(1, self._num_seen // 2))


def panel_image(panels: Sequence[Panel]) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 with a row per panel: sources, fake, target, with headings.

    Raises ValueError if there are no panels.
    """
    if not panels:
        raise ValueError("no panels to show")
    strips = [
        image_grid(
            [[*panel.sources.values(), panel.fake, panel.target]],
            headings=[*_headings(panel), f"generated, L1 {panel.l1:.4f}", "target"],
        )
        for panel in panels
    ]
    return image_grid([[strip] for strip in strips])


def _headings(panel: Panel) -> list[str]:
    """The names of the sources; the first one with the pair's id."""
    first, *others = panel.sources
    return [f"{first} {panel.pair_id}", *others]


def _rank(panel: Panel) -> tuple[float, str]:
    """Return a sort key: pairs with equal L1 are sorted by id, so that batches do not matter."""
    return panel.l1, panel.pair_id


def _to_tiles(images: Tensor, valid: Tensor | None, *, alpha: bool) -> list[np.ndarray]:
    arrays = images.detach().float().permute(0, 2, 3, 1).cpu().numpy()
    valids = [None] * len(arrays) if valid is None else valid[:, 0].cpu().numpy()
    return [
        as_tile(array, (-1.0, 1.0), alpha=alpha, valid=each)
        for array, each in zip(arrays, valids, strict=True)
    ]
