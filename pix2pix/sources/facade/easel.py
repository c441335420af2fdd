"""The picture in the making of a drawn facade: colours, areas, and shadows.

The sun stands high and straight in front, so shadows fall downwards only and a mirrored pair
(`augment.horizontal_flip`) is still a possible pair. What the label map does not show (the tint of
the wall, brightness, clouds, single stones) is kept to few and mild choices; the material of the
wall follows from the shape of the roof, so that it can be learnt.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np

from pix2pix.sources.facade.layout import Frame, Part, Roof, outline
from pix2pix.sources.facade.texture import Colour


class Palette(NamedTuple):
    """Colours of one kind of house, RGB 0-255; the wall's lies between its two."""

    material: Literal["brick", "stone", "plaster"]
    wall: tuple[Colour, Colour]
    roof: Colour
    trim: Colour
    wood: Colour
    cloth: Colour


PALETTES: dict[Roof, Palette] = {
    "flat": Palette(
        material="plaster",
        wall=((206, 194, 186), (238, 216, 192)),
        roof=(150, 146, 142),
        trim=(246, 242, 234),
        wood=(62, 76, 88),
        cloth=(214, 116, 40),
    ),
    "gable": Palette(
        material="brick",
        wall=((150, 72, 52), (186, 106, 78)),
        roof=(92, 74, 70),
        trim=(232, 224, 206),
        wood=(30, 72, 60),
        cloth=(36, 112, 78),
    ),
    "hip": Palette(
        material="plaster",
        wall=((214, 154, 84), (240, 198, 130)),
        roof=(192, 92, 58),
        trim=(246, 234, 210),
        wood=(44, 104, 96),
        cloth=(44, 84, 156),
    ),
    "mansard": Palette(
        material="stone",
        wall=((208, 192, 162), (232, 220, 196)),
        roof=(90, 106, 126),
        trim=(240, 232, 214),
        wood=(84, 54, 40),
        cloth=(172, 42, 50),
    ),
}


class Region(NamedTuple):
    """A rectangle of the easel, px: rows [top, bottom), columns [left, right)."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def inset(self, top: int, bottom: int, side: int) -> "Region":
        """The region less a margin; never less than one pixel."""
        upper = min(self.top + top, self.bottom - 1)
        left = min(self.left + side, self.right - 1)
        lower, right = max(upper + 1, self.bottom - bottom), max(left + 1, self.right - side)
        return Region(upper, lower, left, right)


@dataclass(frozen=True, kw_only=True)
class Easel:
    """The picture in the making, `scale` times the size of the label map."""

    pixels: np.ndarray  # (H, W, 3) float32, 0-255
    shade: np.ndarray  # (H, W) float32, the share of light that arrives
    wall: np.ndarray  # (H, W, 3) float32, what the walls are made of
    scale: int
    palette: Palette
    frame: Frame
    rng: np.random.Generator

    def length(self, percent: float) -> int:
        """A share of the picture's side in whole pixels, at least one."""
        return max(1, round(percent * len(self.pixels) / 100))

    def region(self, part: Part) -> Region:
        """The part's bounding box."""
        k = self.scale
        return Region(part.y0 * k, part.y1 * k, max(0, part.x0) * k, part.x1 * k)

    def mask(self, part: Part) -> np.ndarray:
        """Which pixels of the part's region belong to it, (h, w) bool."""
        region = self.region(part)
        mask = np.zeros(region.shape, dtype=np.uint8)
        cv2.fillPoly(mask, [outline(part, self.scale)], 1, offset=(-region.left, -region.top))
        return mask.astype(bool)

    def view(self, region: Region) -> np.ndarray:
        """The pixels of a region, to be written to; cut off at the picture's border."""
        return self.pixels[max(0, region.top) : region.bottom, max(0, region.left) : region.right]

    def fill(self, region: Region, colour: Colour, *, brightness: float = 1.0) -> None:
        """Paint a region in one colour."""
        self.view(region)[:] = np.multiply(colour, brightness, dtype=np.float32)

    def paste(self, part: Part, picture: np.ndarray) -> None:
        """Paint a (h, w, 3) picture over a part, within its outline."""
        if part.form == "box":
            self.view(self.region(part))[:] = picture
        else:
            np.copyto(self.view(self.region(part)), picture, where=self.mask(part)[..., None])

    def darken(self, region: Region, *, top: float, bottom: float) -> None:
        """Take light from a region, the share `top` at its top, `bottom` at its bottom."""
        fade = np.linspace(1 - top, 1 - bottom, region.shape[0], dtype=np.float32)[:, None]
        rows = slice(max(0, region.top), region.bottom)
        area = self.shade[rows, max(0, region.left) : region.right]
        area *= fade[: len(area)]

    def cast(self, region: Region, percent: float, *, dark: float) -> None:
        """Let a region throw a shadow downwards that fades with the distance."""
        length = self.length(percent)
        below = Region(region.bottom, region.bottom + length, region.left, region.right)
        self.darken(below, top=dark, bottom=0.3 * dark)
