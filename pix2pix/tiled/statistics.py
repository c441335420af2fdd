"""Mean and variance of each channel over the tiles of an image, in float64."""

import torch
from torch import Tensor

_VALUES_AT_ONCE = 2**20  # converted to float64 at the same time


class ChannelStatistics:
    """Gathers mean and variance without large sums of squares, which would cancel.

    Parts are merged as in Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm
    for computing sample variances".
    """

    def __init__(self, num_channels: int, device: torch.device) -> None:
        self._count = 0
        self.mean = torch.zeros(num_channels, dtype=torch.float64, device=device)
        self._squares = torch.zeros_like(self.mean)  # of the differences from the mean

    def add(self, values: Tensor) -> None:
        """Count the pixels of a tile (H, W, C)."""
        pixels = values.reshape(-1, values.shape[-1])
        at_once = max(1, _VALUES_AT_ONCE // pixels.shape[1])
        for first in range(0, len(pixels), at_once):
            part = pixels[first : first + at_once]
            variance, mean = torch.var_mean(part.double(), dim=0, correction=0)
            self._merge(len(part), mean, variance * len(part))

    def _merge(self, count: int, mean: Tensor, squares: Tensor) -> None:
        total = self._count + count
        difference = mean - self.mean
        self.mean += difference * (count / total)
        self._squares += squares + difference**2 * (self._count * count / total)
        self._count = total

    @property
    def variance(self) -> Tensor:
        """The mean square of the differences from the mean, (C,) float64."""
        return self._squares / self._count
