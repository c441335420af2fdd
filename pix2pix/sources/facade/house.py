"""The parts of one drawn house: roof, cornices, windows, balconies, door and shops."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from pix2pix.sources.facade.layout import (
    Form,
    Frame,
    Grid,
    Label,
    Part,
    draw_frame,
    draw_grid,
)


class Habits(NamedTuple):
    """What one house does everywhere; widths and heights as shares of a cell."""

    window_width: float
    window_height: float
    arches: Literal["none", "all", "one floor"]
    shutters: bool
    balconies: Literal["none", "column", "floor", "scattered"]
    blinds: float  # probability per window
    twins: bool  # two narrow windows even in a slightly wide cell
    shops: bool
    awnings: float  # probability per shop


class Cell(NamedTuple):
    """One field of the grid, px."""

    x0: int
    x1: int
    y0: int
    y1: int


def draw_house(size_px: int, rng: np.random.Generator) -> tuple[Frame, list[Part]]:
    """Choose a house; its parts are in painting order and leave no pixel unlabelled."""
    frame = draw_frame(size_px, rng)
    grid = draw_grid(frame, rng)
    habits = _draw_habits(rng)
    parts = [
        Part("sky", 0, 0, size_px, size_px),
        Part("street", 0, frame.ground, size_px, size_px),
        *_roof(frame, rng),
        Part("wall", frame.x0, frame.eaves, frame.x1, frame.ground),
        *_cornices(frame, grid, rng),
        *_upper_floors(grid, habits, rng),
        *_ground_floor(grid, habits, rng),
    ]
    return frame, parts


def _draw_habits(rng: np.random.Generator) -> Habits:
    arches: tuple[Literal["none", "all", "one floor"], ...] = ("none", "none", "all", "one floor")
    balconies: tuple[Literal["none", "column", "floor", "scattered"], ...]
    balconies = ("none", "column", "floor", "scattered")
    shutters = bool(rng.random() < 0.35)
    return Habits(
        window_width=rng.uniform(0.36, 0.46) if shutters else rng.uniform(0.42, 0.66),
        window_height=rng.uniform(0.56, 0.74),
        arches="none" if shutters else arches[rng.integers(len(arches))],
        shutters=shutters,
        balconies=balconies[rng.integers(len(balconies))],
        blinds=rng.uniform(0.0, 0.3),
        twins=bool(rng.random() < 0.5),
        shops=bool(rng.random() < 0.6),
        awnings=rng.uniform(0.3, 1.0),
    )


def _roof(frame: Frame, rng: np.random.Generator) -> Iterator[Part]:
    """Chimneys, the roof, and what stands in it."""
    size, width, height = frame.size_px, frame.x1 - frame.x0, frame.eaves - frame.top
    for _ in range(rng.integers(3)):
        x0 = round(frame.x0 + width * rng.uniform(0.2, 0.75))
        rise = rng.uniform(0.03, 0.05) * size
        foot = frame.eaves - 1
        yield _part("chimney", (x0, x0 + 0.05 * size), (max(0, frame.top - rise), foot))
    # Eaves overhang the wall a little.
    overhang = 0.012 * size
    span = (max(0.0, frame.x0 - overhang), min(float(size), frame.x1 + overhang))
    forms: dict[str, Form] = {"gable": "triangle", "hip": "trapezoid", "mansard": "trapezoid"}
    yield _part("roof", span, (frame.top, frame.eaves), forms.get(frame.roof, "box"))
    middle = (frame.x0 + frame.x1) / 2
    if frame.roof == "gable":
        yield _part(
            "wall", (frame.x0, frame.x1), (frame.top + 0.2 * height, frame.eaves), "triangle"
        )
        half = rng.uniform(0.03, 0.05) * size
        y0 = frame.eaves - 0.4 * height
        yield _part("window", (middle - half, middle + half), (y0, y0 + 0.3 * height), "arch")
    if frame.roof == "mansard":
        yield from _dormers(frame, rng)


def _dormers(frame: Frame, rng: np.random.Generator) -> Iterator[Part]:
    """Windows in the roof, each in a small wall of its own."""
    size, height = frame.size_px, frame.eaves - frame.top
    num_dormers = int(rng.integers(1, 5))
    form: Form = "arch" if rng.random() < 0.5 else "box"
    half = rng.uniform(0.032, 0.045) * size
    reach = 0.5 * (frame.x1 - frame.x0) - height / 2 - half
    for share in np.linspace(-1, 1, num_dormers + 2)[1:-1]:
        x = (frame.x0 + frame.x1) / 2 + reach * share * 1.25
        y0, y1 = frame.top + 0.28 * height, frame.eaves - 0.08 * height
        yield _part("cornice", (x - half, x + half), (y0, y1), form)
        inner = 0.68 * half
        yield _part("window", (x - inner, x + inner), (y0 + 0.16 * height, y1 - 1), form)


def _cornices(frame: Frame, grid: Grid, rng: np.random.Generator) -> Iterator[Part]:
    """Bands under the eaves, above the ground floor, and on some houses on each floor."""
    thick = max(1.0, frame.size_px * rng.uniform(0.012, 0.022))
    banded = rng.random() < 0.35
    lines = grid.ys[:-1] if banded else (grid.ys[0], grid.ys[-2])
    for y in lines:
        yield _part("cornice", (frame.x0, frame.x1), (y - thick / 2, y + thick / 2))


def _upper_floors(grid: Grid, habits: Habits, rng: np.random.Generator) -> Iterator[Part]:
    """Windows floor by floor, with a balcony where the house has one."""
    num_floors, num_columns = len(grid.ys) - 2, len(grid.xs) - 1
    chosen_floor = int(rng.integers(num_floors))
    chosen_column = int(rng.integers(num_columns))
    # Few houses have a column without windows; with less than four columns they would look bare.
    blank_column = int(rng.integers(-4 * num_columns, num_columns))
    for floor, (y0, y1) in enumerate(pairwise(grid.ys[:-1])):
        arched = habits.arches == "all" or (habits.arches == "one floor" and floor == chosen_floor)
        for column, (x0, x1) in enumerate(pairwise(grid.xs)):
            cell = Cell(x0, x1, y0, y1)
            has_balcony = {
                "none": False,
                "column": column in (chosen_column, num_columns - 1 - chosen_column),
                "floor": False,
                "scattered": rng.random() < 0.35,
            }[habits.balconies]
            is_blank = column == blank_column or rng.random() < 0.04
            if num_columns < 4 or not is_blank or has_balcony:
                yield from _bay(cell, habits, rng, arched=arched, has_balcony=has_balcony)
        if habits.balconies == "floor" and floor == chosen_floor:
            yield _part("balcony", (grid.xs[0], grid.xs[-1]), (y1 - 0.3 * (y1 - y0), y1))


def _bay(
    cell: Cell, habits: Habits, rng: np.random.Generator, *, arched: bool, has_balcony: bool
) -> Iterator[Part]:
    """The window or windows of one cell."""
    width, height = cell.x1 - cell.x0, cell.y1 - cell.y0
    form: Form = "arch" if arched else "box"
    y1 = cell.y1 - 0.14 * height
    y0 = y1 - habits.window_height * height
    # Wider than high looks wrong but for the odd shop-like pane.
    half = 0.5 * min(habits.window_width * width, 1.05 * (y1 - y0))
    middle = (cell.x0 + cell.x1) / 2
    centres: tuple[float, ...] = (0.0,)
    if width > (1.15 if habits.twins else 1.5) * height and not habits.shutters:
        half, centres = 0.36 * width / 2, (-0.23 * width, 0.23 * width)
    for centre in centres:
        x = middle + centre
        yield _part("window", (x - half, x + half), (y0, y1), form)
        if rng.random() < habits.blinds and not arched:
            drop = rng.uniform(0.25, 0.7) * (y1 - y0)
            yield _part("blind", (x - half, x + half), (y0, y0 + drop))
        if habits.shutters:
            for side in (-1, 1):
                near, far = sorted((x + side * half, x + side * 1.95 * half))
                yield _part("shutter", (near, far), (y0, y1))
    if has_balcony:
        yield _part(
            "balcony",
            (middle - 0.44 * width, middle + 0.44 * width),
            (cell.y1 - 0.32 * height, cell.y1 - 0.02 * height),
        )


def _ground_floor(grid: Grid, habits: Habits, rng: np.random.Generator) -> Iterator[Part]:
    """One door; in the other columns shops that run on to their neighbours, or windows."""
    y0, y1 = grid.ys[-2:]
    height = y1 - y0
    columns = list(pairwise(grid.xs))
    door = int(rng.integers(len(columns)))
    x0, x1 = columns[door]
    half, middle = min(0.33 * (x1 - x0), 0.24 * height), (x0 + x1) / 2
    form: Form = "arch" if rng.random() < 0.3 else "box"
    yield _part("door", (middle - half, middle + half), (y0 + 0.2 * height, y1), form)
    if not habits.shops:
        for column, (x0, x1) in enumerate(columns):
            if column != door:
                cell = Cell(x0, x1, y0, y1 - round(0.1 * height))
                yield from _bay(cell, habits, rng, arched=form == "arch", has_balcony=False)
        return
    for start, stop in ((0, door), (door + 1, len(columns))):
        if start < stop:
            span = (columns[start][0], columns[stop - 1][1])
            yield from _shop(span, (y0, y1), habits, rng)


def _shop(
    xs: tuple[int, int], ys: tuple[int, int], habits: Habits, rng: np.random.Generator
) -> Iterator[Part]:
    """A shop front, some under an awning."""
    (x0, x1), y0, height = xs, ys[0], ys[1] - ys[0]
    gap = 0.02 * (x1 - x0)
    yield _part("shop", (x0 + gap, x1 - gap), (y0 + 0.14 * height, ys[1]))
    if rng.random() < habits.awnings:
        top, drop = y0 + 0.3 * height, rng.uniform(0.2, 0.3) * height
        yield _part("awning", (x0 + gap / 2, x1 - gap / 2), (top, top + drop))


def _part(
    label: Label, xs: tuple[float, float], ys: tuple[float, float], form: Form = "box"
) -> Part:
    """Round to whole pixels, at least one wide and high."""
    (x0, x1), (y0, y1) = map(round, xs), map(round, ys)
    return Part(label, x0, y0, max(x0 + 1, x1), max(y0 + 1, y1), form)
