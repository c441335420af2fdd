"""Scores on the dev split, by which the epoch and the inference mode are chosen."""

import math
from collections.abc import Iterable, Mapping
from typing import get_args

import torch
from torch import nn

from pix2pix.models import InferenceMode, InferenceNetwork, translate
from pix2pix.training.distributed import sum_over_ranks, unwrap
from pix2pix.valid_pixels import PairBatch, mean_of_valid

MODES: tuple[InferenceMode, ...] = get_args(InferenceMode)


def dev_metrics(
    generator: nn.Module, batches: Iterable[PairBatch], *, seed: int
) -> dict[str, float]:
    """Return the mean L1 on the dev split, pixels in [0, 1], over all ranks, for each mode.

    `batches` has this rank's pairs. The L1 of an image is the mean over its valid pixels, and each
    image has the same weight. `dev/l1` is that of the better mode; it is not finite only if neither
    mode has a finite L1.
    """
    networks = [InferenceNetwork(unwrap(generator), mode) for mode in MODES]
    sums = torch.zeros(len(MODES) + 1, dtype=torch.float64, device=networks[0].device)
    for batch in batches:
        for index, network in enumerate(networks):
            fake = translate(network, batch.source, seeds=[seed] * len(batch.source))
            error = (fake - batch.target).abs().double()
            sums[index] += 0.5 * mean_of_valid(error, batch.valid).sum()
        sums[-1] += len(batch.source)
    *totals, count = sum_over_ranks(sums).tolist()
    by_mode = {f"dev/l1_{mode}": total / count for mode, total in zip(MODES, totals, strict=True)}
    return {"dev/l1": by_mode[f"dev/l1_{better_mode(by_mode)}"], **by_mode}


def better_mode(metrics: Mapping[str, float]) -> InferenceMode:
    """Return the inference mode with the lower dev L1; the deterministic one if they are equal.

    A mode whose L1 is not finite is worse than any other.
    """
    return min(reversed(MODES), key=lambda mode: _rank(metrics[f"dev/l1_{mode}"]))


def _rank(l1: float) -> float:
    """Return a sort key that puts NaN after every number."""
    return l1 if math.isfinite(l1) else math.inf
