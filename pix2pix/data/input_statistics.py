"""What source images of a training look like, and whether another image looks unlike them.

For each image a few numbers are measured: of each channel the mean, the standard deviation and the
roughness (the mean difference of neighbouring pixels), as shares of the value range; and of label
maps the share of pixels that have a colour of the training. For each number, the range in which
nearly all training images lie is widened until at most one in a hundred dev images lies outside of
any range. A noise image, a negative or a photograph in place of a label map lies outside; an image
of an unlike subject with like statistics does not, so no warning does not mean a good translation.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pix2pix.config.strict import STRICT
from pix2pix.data.flat_images import FlatImages
from pix2pix.data.palette import share_of_palette

_TAIL = 0.005  # of the training images on either side, which may be mistakes in the data
_MAX_FLAGGED = 0.01  # of the dev images
_LEAST_WIDTH = 0.01  # of a range before it is widened: some numbers are equal in all images
_MAX_CHANNELS = 16  # of which each is measured; spectral images can have hundreds
_MAX_IMAGES = 2000  # of the training split, evenly spaced
_SLACK = 1e-6  # so that rounding does not put an image outside that defines the range


@dataclass(frozen=True, slots=True)
class InputStatistics:
    """The lowest and highest usual value of each number, and the colours of label maps.

    `palette` is the one of `data.palette`; None if the sources are no label maps of few colours.
    """

    __pydantic_config__ = STRICT

    ranges: Mapping[str, tuple[float, float]]
    palette: tuple[str, ...] | None = None

    def unlike(self, image: np.ndarray, value_range: tuple[float, float]) -> list[str]:
        """Say of each number of an image (H, W, C) outside its range what it is and should be.

        The image has the size of the training.
        """
        measured = measure(image, value_range, self.palette)
        return [
            f"{name} is {measured[name]:.3g}, in training {low:.3g} to {high:.3g}"
            for name, (low, high) in self.ranges.items()
            if not low <= measured[name] <= high
        ]


def measure(
    image: np.ndarray, value_range: tuple[float, float], palette: Sequence[str] | None = None
) -> dict[str, float]:
    """The numbers of one image (H, W, C): `value_range` is what 0 and 1 stand for."""
    low, high = value_range
    numbers = {}
    for channel in range(min(image.shape[2], _MAX_CHANNELS)):
        values = (image[..., channel].astype(np.float64) - low) / (high - low)
        name = f"channel {channel + 1}"
        numbers[f"mean of {name}"] = float(values.mean())
        numbers[f"deviation of {name}"] = float(values.std())
        numbers[f"roughness of {name}"] = _roughness(values)
    if palette is not None:
        numbers["share of label colours"] = share_of_palette(image, palette)
    return numbers


def _roughness(values: np.ndarray) -> float:
    """The mean absolute difference of pixels (H, W) and their right and lower neighbours."""
    differences = [np.abs(np.diff(values, axis=axis)) for axis in (0, 1) if values.shape[axis] > 1]
    return float(np.mean([each.mean() for each in differences])) if differences else 0.0


def calibrate(
    train: np.ndarray | FlatImages,
    dev: Iterable[np.ndarray],
    *,
    value_range: tuple[float, float],
    palette: tuple[str, ...] | None,
) -> InputStatistics:
    """The ranges of source images, of which each item of `train` and `dev` is one (H, W, C)."""
    every = math.ceil(len(train) / _MAX_IMAGES)
    usual = _table(measure(train[i], value_range, palette) for i in range(0, len(train), every))
    low, high = (
        {name: float(np.quantile(values, share)) for name, values in usual.items()}
        for share in (_TAIL, 1 - _TAIL)
    )
    width = {name: max(high[name] - low[name], _LEAST_WIDTH) for name in usual}
    margin = _margin(
        max(
            max((low[name] - value) / width[name], (value - high[name]) / width[name], 0.0)
            for name, value in measure(image, value_range, palette).items()
        )
        for image in dev
    )
    ranges = {
        name: (low[name] - margin * width[name], high[name] + margin * width[name])
        for name in usual
    }
    return InputStatistics(ranges, palette)


def _table(measured: Iterable[Mapping[str, float]]) -> dict[str, list[float]]:
    table: dict[str, list[float]] = {}
    for numbers in measured:
        for name, value in numbers.items():
            table.setdefault(name, []).append(value)
    return table


def _margin(distances: Iterable[float]) -> float:
    """How far the ranges must be widened, in their own widths.

    `distances` is how far outside of the ranges each dev image lies at most.
    """
    falling = sorted(distances, reverse=True)
    num_flagged = math.floor(_MAX_FLAGGED * len(falling))
    return (falling[num_flagged] if falling else 0.0) + _SLACK
