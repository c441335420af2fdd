"""Painters of what a drawn house is built of: background, walls, roof, cornices, chimneys."""

import numpy as np

from pix2pix.sources.facade.easel import PALETTES, Easel, Palette, Region
from pix2pix.sources.facade.layout import Frame, Part
from pix2pix.sources.facade.texture import (
    Shape,
    blend,
    masonry,
    plaster,
    rgb,
    sky,
    street,
    tiles,
    toned,
)


def new_easel(frame: Frame, rng: np.random.Generator, *, scale: int) -> Easel:
    """An empty picture with the house's wall ready to be pasted."""
    side, palette = frame.size_px * scale, PALETTES[frame.roof]
    shape = (side, side)
    colour = blend(*palette.wall, np.full((1, 1), rng.random(), dtype=np.float32))
    wall = toned(colour, _wall_tone(shape, palette, rng))
    return Easel(
        pixels=np.zeros((side, side, 3), dtype=np.float32),
        shade=np.ones(shape, dtype=np.float32),
        wall=wall,
        scale=scale,
        palette=palette,
        frame=frame,
        rng=rng,
    )


def _wall_tone(shape: Shape, palette: Palette, rng: np.random.Generator) -> np.ndarray:
    """Bricks, ashlar or plaster in units of the picture's side, (H, W) float32."""
    percent = shape[0] / 100
    joint = max(1, round(0.35 * percent))
    match palette.material:
        case "brick":
            block = (max(3, round(2.2 * percent)), max(6, round(6.5 * percent)))
            return masonry(shape, rng, block=block, joint_px=joint, spread=0.13)
        case "stone":
            block = (max(4, round(5 * percent)), max(8, round(13 * percent)))
            ashlar = masonry(shape, rng, block=block, joint_px=joint, spread=0.06)
            ashlar *= plaster(shape, rng)
            return ashlar
        case "plaster":
            return plaster(shape, rng)


def paint_sky(easel: Easel, part: Part) -> None:
    """Sky over the whole picture."""
    easel.paste(part, sky(easel.region(part).shape, easel.rng))


def paint_street(easel: Easel, part: Part) -> None:
    """Pavement and road, darkest where they meet the house."""
    region = easel.region(part)
    easel.paste(part, street(region.shape, easel.rng, kerb_px=easel.length(1.6)))
    k = easel.scale
    foot = Region(region.top, region.top, easel.frame.x0 * k, easel.frame.x1 * k)
    easel.cast(foot, 1.6, dark=0.4)


def paint_wall(easel: Easel, part: Part) -> None:
    """A wall or a gable; a wall has a plinth, and corner stones unless it is plastered."""
    region = easel.region(part)
    easel.paste(part, easel.wall[region.top : region.bottom, region.left : region.right])
    if part.form == "triangle":
        _shade_gable(easel, part)
        return
    easel.darken(region, top=-0.04, bottom=0.12)
    edge = easel.length(0.7)
    for left in (region.left, region.right - edge):
        easel.darken(region._replace(left=left, right=left + edge), top=0.16, bottom=0.16)
    if easel.palette.material != "plaster":
        _paint_corner_stones(easel, region)
    plinth = region._replace(top=region.bottom - easel.length(3))
    easel.fill(plinth, easel.palette.trim, brightness=0.66)
    easel.fill(plinth._replace(bottom=plinth.top + easel.length(0.4)), easel.palette.trim)
    if easel.frame.roof != "gable":
        easel.cast(region._replace(bottom=region.top), 4.5, dark=0.5)


def _shade_gable(easel: Easel, part: Part) -> None:
    """The shadow of the sloping roof edges on the gable under them."""
    region, mask = easel.region(part), easel.mask(part)
    depth = easel.length(3)
    lit = np.zeros_like(mask)
    lit[depth:] = mask[:-depth]
    area = easel.shade[region.top : region.bottom, region.left : region.right]
    area[mask & ~lit] *= np.float32(0.58)


def _paint_corner_stones(easel: Easel, region: Region) -> None:
    """Long and short stones in turn along both edges of a wall."""
    course = easel.length(4.4)
    for row, top in enumerate(range(region.top, region.bottom, course)):
        width = easel.length(4.2 if row % 2 else 2.6)
        bottom = min(top + course - easel.length(0.4), region.bottom)
        for left in (region.left, region.right - width):
            stone = Region(top, bottom, left, left + width)
            easel.fill(stone, easel.palette.trim, brightness=0.92)
            easel.fill(stone._replace(bottom=top + easel.length(0.4)), easel.palette.trim)


def paint_roof(easel: Easel, part: Part) -> None:
    """Tiles or slates, brighter towards the ridge, with a gutter; a coping on a flat roof."""
    region, side = easel.region(part), easel.frame.roof
    down = np.linspace(1.12, 0.82, region.shape[0], dtype=np.float32)[:, None]
    if side == "flat":
        tone = down * plaster(region.shape, easel.rng)
    else:
        tile = (easel.length(2.6), easel.length(2.8 if side == "hip" else 4.5))
        tone = down * tiles(region.shape, easel.rng, tile=tile)
    easel.paste(part, toned(easel.palette.roof, tone))
    if part.form == "triangle":
        return
    line = easel.length(0.8)
    gutter = region._replace(top=region.bottom - line)
    easel.fill(gutter, easel.palette.roof, brightness=0.5)
    inset = min(region.shape[0] // 2, region.shape[1] // 4) if part.form == "trapezoid" else 0
    ridge = region.inset(0, 0, inset)
    easel.fill(ridge._replace(bottom=ridge.top + line), easel.palette.roof, brightness=1.35)


def paint_cornice(easel: Easel, part: Part) -> None:
    """A moulded band, light above and dark below; also the cheeks of a dormer."""
    region = easel.region(part)
    height = region.shape[0]
    profile = np.linspace(1.04, 0.8, height, dtype=np.float32)[:, None, None]
    picture = rgb(easel.palette.trim) * profile
    easel.paste(part, np.broadcast_to(picture, (*region.shape, 3)))
    easel.cast(region, 1.8, dark=0.42)


def paint_chimney(easel: Easel, part: Part) -> None:
    """A brick stack with a cap."""
    region = easel.region(part)
    block = (easel.length(1.8), easel.length(3.2))
    tone = masonry(region.shape, easel.rng, block=block, joint_px=1, spread=0.12)
    easel.paste(part, toned((150, 92, 74), tone))
    cap = region._replace(bottom=region.top + easel.length(1))
    easel.fill(cap, (196, 186, 172))
