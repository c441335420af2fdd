"""Check which share of its value range a side really uses.

The value range is mapped to [-1, 1], and errors are divided by it. If the data uses only a share s
of the range, the networks receive images of contrast s, and L1 looks 1/s times better than on other
data. For example, 12-bit values in 16-bit files (s = 1/16) get an excellent score from any
network. Below a tenth the scores are meaningless, and preparing stops; below a half the report
proposes a range.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pix2pix.config import SideConfig
from pix2pix.errors import UserError
from pix2pix.images.image import value_range
from pix2pix.preparation.values import Values

STOP_BELOW = 0.1
_PROPOSE_BELOW = 0.5
_MOST_IMAGES = (0.1, 0.9)  # quantiles: nine images in ten stay above the low, or below the high
_MAX_IDS = 32


@dataclass(frozen=True, slots=True)
class RangeUse:
    """A line about the values of a side for the report, and a fault or note about its range."""

    summary: str
    fault: str | None
    note: str | None


def range_use(name: str, side: SideConfig, dtype: str, values: Sequence[Values]) -> RangeUse:
    """Compare the values of a side (of at least one image) with its range; `name` is A or B."""
    low, high = min(value.low for value in values), max(value.high for value in values)
    summary = f"side {name}: {dtype}, values {_number(low)}..{_number(high)}"
    no_data = sorted({value.no_data for value in values if value.no_data is not None})
    if no_data:
        summary += f" and, apart from all others, {', '.join(map(_number, no_data))}"
    try:
        declared = value_range(dtype, side)
    except UserError:
        proposed = f"side {name} holds {_number(low)}..{_number(high)}: {_proposal(low, high)}"
        proposed += _nodata_hint(side, no_data)
        return RangeUse(summary, None, proposed)
    used = _share(low, high, declared)
    share = f"{used:.2%} of {_number(declared[0])}..{_number(declared[1])}"
    summary += f", {share}"
    ids = _ids(side, dtype, values)
    if ids is not None and max(ids) < STOP_BELOW * declared[1]:
        hint = _id_hint(side, ids, dtype, values)
        return RangeUse(summary, f"side {name} holds the values {_listed(ids)}: {hint}", None)
    if used < STOP_BELOW and low < high:
        better = _proposal(low, high) + _nodata_hint(side, no_data)
        if side.num_labels is not None:
            better = f"set num_labels: {high + 1:.0f}, or what there can be"
        fault = f"side {name} uses {_number(low)}..{_number(high)}, {share}: {better}"
        return RangeUse(summary, fault, None)
    return RangeUse(summary, None, _narrow_note(name, values, declared, side))


def _narrow_note(
    name: str, values: Sequence[Values], declared: tuple[float, float], side: SideConfig
) -> str | None:
    """A note if most images use less than half of the range.

    A few images may use more, for example because of a defective pixel of the camera.
    """
    lows, highs = [value.low for value in values], [value.high for value in values]
    low = float(np.quantile(lows, _MOST_IMAGES[0], method="higher"))
    high = float(np.quantile(highs, _MOST_IMAGES[1], method="lower"))
    used = _share(low, high, declared)
    if used >= _PROPOSE_BELOW or low >= high or side.num_labels is not None:
        return None
    return (
        f"side {name}: most images use {_number(low)}..{_number(high)}, {used:.2%} of "
        f"{_number(declared[0])}..{_number(declared[1])}; if later files keep to that, "
        f"{_proposal(low, high)}"
    )


def _share(low: float, high: float, declared: tuple[float, float]) -> float:
    inside = min(high, declared[1]) - max(low, declared[0])
    return max(inside, 0.0) / (declared[1] - declared[0])


def _ids(side: SideConfig, dtype: str, values: Sequence[Values]) -> set[float] | None:
    """The values of a side that look like undeclared class ids, without void; None if none do."""
    if side.num_labels is not None or side.value_range is not None or side.channels != 1:
        return None
    if np.dtype(dtype).kind != "u" or any(value.distinct is None for value in values):
        return None
    ids = {each for value in values for each in value.distinct or ()} - {_void(dtype)}
    return ids if 1 < len(ids) <= _MAX_IDS else None


def _id_hint(side: SideConfig, ids: set[float], dtype: str, values: Sequence[Values]) -> str:
    void = _void(dtype)
    has_void = any(void in (value.distinct or ()) for value in values)
    kind = "" if side.kind == "labels" else "kind: labels, "
    also = f" and void_label: {void:.0f}" if has_void else ""
    return (
        f"if they are class ids, set {kind}num_labels: {max(ids) + 1:.0f}{also}; else "
        f"{_proposal(min(ids), void if has_void else max(ids))}"
    )


def _void(dtype: str) -> float:
    """The id that usually means "no class": the highest value of the dtype."""
    return float(np.iinfo(dtype).max)


def _proposal(low: float, high: float) -> str:
    return f"set value_range: [{_number(low)}, {_number(high)}], or somewhat wider"


def _nodata_hint(side: SideConfig, no_data: Sequence[float]) -> str:
    """How to declare the values that are apart from all others; empty if there are none."""
    if not no_data or side.nodata is not None or side.kind != "image":
        return ""
    return (
        f", and nodata: {' or '.join(map(_number, no_data))} if nothing was measured where the "
        "files hold that"
    )


def _listed(ids: set[float]) -> str:
    return ", ".join(_number(each) for each in sorted(ids))


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"
