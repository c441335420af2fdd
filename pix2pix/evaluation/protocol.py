"""The conditions of an evaluation. They are stored with the scores and checked before a comparison.

Scores depend on them: for the same task, FIDs of 84 and of 24 have been published, with different
test sets and splits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from pix2pix.config import ScaleRule, Size

_MEASURING_PACKAGES = ("numpy", "torch", "torchmetrics", "torch-fidelity")

# The fields that must be equal if two reports are to be compared. The inference mode belongs to the
# model; seed, num_bootstrap, confidence and num_groups change intervals, but not the scores;
# package versions help to explain a difference.
_MUST_AGREE = (
    "split",
    "split_hash",
    "num_images",
    "resize",
    "image_size",
    "direction",
    "resize_kernel",
    "value_range",
    "masked",
    "extractor",
    "extractor_sha256",
    "kid_subset_size",
)


# What reports without these fields are taken to have meant. As long as the first two were not
# recorded, there was nothing else. The range was not always that of 8 bits, but nearly always;
# older scores of other targets count as not comparable, which is the lesser mistake.
_NOT_RECORDED = {"resize": "stretch", "masked": "none", "value_range": [0.0, 255.0]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """The conditions of an evaluation; kid_subset_size is the used size, at most num_images.

    `masked` names the sides whose pixels without a value are left out. Which pixels these are is
    part of the `split_hash`. `value_range` is that of the target, of which L1, PSNR and SSIM are
    shares.
    """

    split: str
    split_hash: str
    num_images: int
    num_groups: int  # which intervals draw, see `evaluation.image_groups`
    resize: ScaleRule
    image_size: Size | None  # of `config.Scale`: of the images, or of their shorter sides
    direction: str
    resize_kernel: str
    value_range: tuple[float, float]
    masked: Literal["none", "source", "target", "source and target"]
    extractor: str
    extractor_sha256: str
    inference_mode: str
    seed: int
    num_bootstrap: int
    confidence: float
    kid_subset_size: int
    packages: Mapping[str, str]


def measuring_packages() -> dict[str, str]:
    """Return the installed versions of the packages that compute the metrics."""
    return {name: version(name) for name in _MEASURING_PACKAGES}


def compare_protocols(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return a line for each difference because of which two reports must not be compared.

    `first` and `second` are the `protocol` of a metrics.json each. A key that is missing in one of
    them is a difference. If the result is empty, the reports are comparable.
    """
    missing = "(not recorded)"
    first, second = _as_stored(first), _as_stored(second)
    return [
        f"{key}: {first.get(key, missing)} against {second.get(key, missing)}"
        for key in _MUST_AGREE
        if key not in first or key not in second or first[key] != second[key]
    ]


def _as_stored(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The protocol as JSON holds it, in which sizes are lists."""
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in protocol.items()}
    return _NOT_RECORDED | plain
