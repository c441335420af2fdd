"""Parameters of a side that is made from photos: `data.recipe`."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.side import SideConfig
from pix2pix.config.strict import STRICT, Seed

RecipeKind = Literal["grayscale", "edges", "sketch", "mask", "degrade"]

_ONE_CHANNEL: tuple[RecipeKind, ...] = ("grayscale", "edges", "sketch")
_DRAWN: tuple[RecipeKind, ...] = ("edges", "sketch")  # always in 8 bits


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeConfig:
    """How side A is made from photos, where layout is photos; see docs/tasks.md."""

    __pydantic_config__ = STRICT

    kind: RecipeKind | None
    """What side A shows of each photo: grayscale (its brightness), edges (Canny: black lines on
    white), sketch (pencil strokes), mask (the photo with black rectangles and strokes over it) or
    degrade (the photo blurred, shrunk and noisy). Null: there is no recipe, and both sides are
    files."""

    blur_px: Annotated[float, Field(ge=0, le=50)]
    """Standard deviation in pixels of the Gaussian blur of the recipes edges (larger: fewer, longer
    lines), sketch (larger: broader strokes; it must not be 0) and degrade."""

    thresholds: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]
    """Thresholds [low, high] of the recipe edges for Canny: a line begins where the gradient (Sobel
    filter, of grey values from 0 to 255) is above high, and goes on while it is above low. Lower
    values give more lines."""

    line_px: Annotated[int, Field(ge=1, le=15)] = 1  # older models do not state it
    """Width in pixels of the lines of the recipe edges, 1 to 15. Where outlines are the target
    (direction: BtoA), networks learn to draw lines of 3 pixels; where lines are 1 pixel wide, white
    paper has so low an L1 that they draw little or nothing. Slanted lines become a little wider."""

    hidden_share: Annotated[float, Field(gt=0, le=0.9)]
    """Share of each photo, above 0 and at most 0.9, that the recipe mask hides; the last shape may
    hide a little more."""

    shrink: Annotated[float, Field(ge=1, le=16)]
    """How many times as high and wide the photo is as side A with the recipe degrade, from 1 to 16.
    With side_b.scale equal to it, translated images become so much larger (super-resolution); with
    side_b.scale: 1, side A is enlarged to the size of the photo again."""

    noise: Annotated[float, Field(ge=0, le=1)]
    """Standard deviation of the Gaussian noise of the recipe degrade, as a share of the range of
    values, from 0 to 1."""

    seed: Seed
    """Seed of the recipes mask and degrade, from 0 to 2^32 - 1. What they draw depends on this seed
    and on the name of the photo, and on nothing else."""

    def __post_init__(self) -> None:
        if self.thresholds[0] > self.thresholds[1]:
            raise ValueError(
                f"thresholds must be [low, high] with low <= high, got {list(self.thresholds)}"
            )
        if self.kind == "sketch" and self.blur_px == 0:
            raise ValueError("blur_px (0) must be above 0 for kind: sketch, which needs strokes")
        if self.kind == "degrade" and (self.blur_px, self.shrink, self.noise) == (0, 1, 0):
            raise ValueError(
                "kind: degrade changes nothing with blur_px: 0, shrink: 1 and noise: 0; set one of "
                "them higher"
            )


def made_side(photo: SideConfig, recipe: RecipeConfig, *, scale: float | None) -> SideConfig:
    """Side A: what the recipe makes of images of the side `photo`.

    Its files, which only translating reads, may be in colour where the recipe gives grey.
    """
    is_grey = recipe.kind in _ONE_CHANNEL
    return replace(
        photo,
        channels=1 if is_grey else photo.channels,
        grayscale=is_grey or photo.grayscale,
        value_range=None if recipe.kind in _DRAWN else photo.value_range,
        scale=scale,
    )


def check_recipe(
    recipe: RecipeConfig,
    photo: SideConfig,
    *,
    layout: str,
    source: str,
    direction: str,
    scale: float | None,
) -> None:
    """Raise ValueError if a recipe does not fit the other settings of the data.

    `photo` is side B, and `scale` is how many times as large it is as side A.
    """
    kind = recipe.kind
    if (kind is None) != (layout != "photos"):
        raise ValueError(
            "layout: photos needs a recipe that makes side A; set recipe.kind, or another layout"
            if kind is None
            else f"recipe.kind: {kind} makes side A from photos, which layout: {layout} reads from "
            "files; set layout: photos, or recipe.kind: null"
        )
    if kind is None:
        return
    if source != "folder":
        raise ValueError(f"layout: photos needs source: folder, got {source}")
    if photo.kind == "labels":
        raise ValueError(
            f"recipe.kind: {kind} is for photos, but side_b.kind is labels; set side_b.kind: "
            "image, or layout: two_folders and recipe.kind: null"
        )
    if photo.nodata is not None:
        raise ValueError(
            f"recipe.kind: {kind} needs a value in every pixel; set side_b.nodata: null, or make "
            "side A yourself and set layout: two_folders"
        )
    if photo.channels not in (1, 3) or (kind == "grayscale" and photo.channels == 1):
        needed = "3" if kind == "grayscale" else "1 or 3"
        raise ValueError(
            f"recipe.kind: {kind} needs photos of {needed} channels, but side_b.channels is "
            f"{photo.channels}"
        )
    enlarges = kind == "degrade" and direction == "AtoB"
    if scale != 1 and not (enlarges and scale == recipe.shrink):
        raise ValueError(
            f"side_b.scale ({scale}) is not the size of photos beside what recipe.kind: {kind} "
            "makes of them; set side_b.scale: 1"
            + (f", or {recipe.shrink:g} as recipe.shrink" if enlarges else "")
        )
