"""Where the parts of a drawn facade lie, and the label map made of them.

A layout is a list of parts in painting order, in whole pixels, so that the label map and the
rendered facade are made from the same numbers. Boxes are [x0, x1) x [y0, y1), y downwards.
"""

from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np

Label = Literal[
    "sky",
    "street",
    "wall",
    "roof",
    "chimney",
    "cornice",
    "window",
    "blind",
    "shutter",
    "door",
    "shop",
    "awning",
    "balcony",
]
Form = Literal["box", "arch", "triangle", "trapezoid"]
Roof = Literal["flat", "gable", "hip", "mansard"]
ROOFS: tuple[Roof, ...] = get_args(Roof)

# Far apart in RGB, so that a colour survives JPEG and can be told from any other by eye.
LABELS: dict[Label, tuple[int, int, int]] = {
    "sky": (20, 30, 120),
    "street": (60, 60, 60),
    "wall": (40, 90, 230),
    "roof": (120, 20, 90),
    "chimney": (190, 60, 160),
    "cornice": (90, 220, 250),
    "window": (250, 220, 60),
    "blind": (250, 140, 30),
    "shutter": (30, 160, 90),
    "door": (220, 30, 40),
    "shop": (130, 0, 10),
    "awning": (250, 130, 140),
    "balcony": (150, 240, 90),
}


class Part(NamedTuple):
    """One flat-coloured area of the label map."""

    label: Label
    x0: int
    y0: int
    x1: int
    y1: int
    form: Form = "box"


class Frame(NamedTuple):
    """The outer lines of a house, px: sky above `top`, wall from `eaves` to `ground`."""

    size_px: int
    roof: Roof
    x0: int
    x1: int
    top: int
    eaves: int
    ground: int


class Grid(NamedTuple):
    """The lines between columns (left to right) and floors (top to bottom), px."""

    xs: tuple[int, ...]
    ys: tuple[int, ...]


def outline(part: Part, scale: int = 1) -> np.ndarray:
    """The part's corners as a closed polygon, (K, 2) int32 of x, y, magnified by `scale`."""
    x0, x1 = part.x0 * scale, part.x1 * scale - 1
    y0, y1 = part.y0 * scale, part.y1 * scale - 1
    middle, inset = (x0 + x1) // 2, min((y1 - y0) // 2, (x1 - x0) // 4)
    match part.form:
        case "box":
            corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        case "triangle":
            corners = [(middle, y0), (x1, y1), (x0, y1)]
        case "trapezoid":
            corners = [(x0 + inset, y0), (x1 - inset, y0), (x1, y1), (x0, y1)]
        case "arch":
            corners = [*_bow(x0, x1, y0, y1), (x1, y1), (x0, y1)]
    return np.array(corners, dtype=np.int32)


def _bow(x0: int, x1: int, y0: int, y1: int) -> list[tuple[int, int]]:
    """The upper half of an ellipse from (x0, .) over y0 to (x1, .), the same on both sides."""
    half, rise = (x1 - x0) / 2, min((x1 - x0) / 2, (y1 - y0) / 2)
    # The rational form of the circle needs no sine, whose last bit differs between libraries.
    steps = np.linspace(0, 1, 9)
    cosine, sine = (1 - steps**2) / (1 + steps**2), 2 * steps / (1 + steps**2)
    inward = np.rint(half * (1 - cosine)).astype(int).tolist()
    heights = np.rint(y0 + rise * (1 - sine)).astype(int).tolist()
    left = [(x0 + dx, y) for dx, y in zip(inward, heights, strict=True)]
    return left + [(x1 - dx, y) for dx, y in zip(inward[::-1], heights[::-1], strict=True)]


def label_map(size_px: int, parts: list[Part]) -> np.ndarray:
    """Paint the parts in order: (size_px, size_px, 3) uint8 RGB of flat LABELS colours only."""
    picture = np.zeros((size_px, size_px, 3), dtype=np.uint8)
    for part in parts:
        if part.form == "box":
            picture[part.y0 : part.y1, part.x0 : part.x1] = LABELS[part.label]
        else:
            cv2.fillPoly(picture, [outline(part)], LABELS[part.label], lineType=cv2.LINE_8)
    return picture


def draw_frame(size_px: int, rng: np.random.Generator) -> Frame:
    """Choose the house's outline."""
    roof = ROOFS[rng.integers(len(ROOFS))]
    roof_share = {
        "flat": rng.uniform(0.03, 0.055),
        "gable": rng.uniform(0.17, 0.26),
        "hip": rng.uniform(0.12, 0.19),
        "mansard": rng.uniform(0.15, 0.21),
    }[roof]
    # Row houses touch the picture's border; the others leave sky on that side.
    left, right = (rng.uniform(0.03, 0.15) * (rng.random() < 0.75) for _ in range(2))
    top = rng.uniform(0.04, 0.17)
    return Frame(
        size_px=size_px,
        roof=roof,
        x0=round(size_px * left),
        x1=round(size_px * (1 - right)),
        top=max(1, round(size_px * top)),
        eaves=round(size_px * (top + roof_share)),
        ground=round(size_px * (1 - rng.uniform(0.05, 0.1))),
    )


def draw_grid(frame: Frame, rng: np.random.Generator) -> Grid:
    """Divide the wall into columns and floors of unequal size."""
    width, height = frame.x1 - frame.x0, frame.ground - frame.eaves
    num_columns = max(2, round(width / (frame.size_px * rng.uniform(0.16, 0.28))))
    num_floors = max(2, round(height / (frame.size_px * rng.uniform(0.16, 0.25))))
    margin = frame.size_px * rng.uniform(0.01, 0.05)
    columns = _column_shares(num_columns, rng)
    # Lower floors are higher, and the ground floor is the highest.
    floors = np.linspace(1.0, rng.uniform(1.0, 1.3), num_floors)
    floors[-1] *= rng.uniform(1.1, 1.35)
    return Grid(
        xs=_lines(frame.x0 + margin, frame.x1 - margin, columns),
        ys=_lines(frame.eaves + 0.02 * frame.size_px, float(frame.ground), floors),
    )


def _column_shares(num_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Relative widths: equal, a wide or narrow axis, alternating, or free."""
    shares = np.ones(num_columns)
    match rng.integers(4):
        case 0:
            shares[num_columns // 2] = rng.uniform(1.3, 1.7)
        case 1:
            shares[1::2] = rng.uniform(0.65, 0.85)
        case 2:
            shares = rng.uniform(0.75, 1.35, num_columns)
        case _:
            pass
    return shares


def _lines(start: float, stop: float, shares: np.ndarray) -> tuple[int, ...]:
    """Whole-pixel borders of consecutive spans of the given relative sizes."""
    ends = start + (stop - start) * np.cumsum(shares) / shares.sum()
    return (round(start), *(round(float(end)) for end in ends))
