"""Painters of what opens a drawn house: windows, shutters, doors, shops, awnings, balconies."""

from itertools import pairwise

import numpy as np

from pix2pix.sources.facade.easel import Easel, Region
from pix2pix.sources.facade.layout import Part
from pix2pix.sources.facade.texture import Colour, blend, rgb, toned

_IRON: Colour = (38, 40, 46)
_CURTAIN: Colour = (226, 220, 208)


def _glass(easel: Easel, region: Region) -> np.ndarray:
    """Panes that mirror the sky above a dark room, more of it the higher they are; (h, w, 3)."""
    height, width = region.shape
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None] * np.ones(width, np.float32)
    altitude = 1 - (region.top + region.bottom) / (2 * len(easel.pixels))
    mirrored = np.float32(0.45 + 0.55 * altitude) * np.clip(1.25 - 1.55 * down, 0, 1)
    picture = blend((40, 46, 56), (172, 200, 226), mirrored)
    # The roofs across the street end the mirrored sky.
    picture[down > 0.62] *= np.float32(0.86)
    return picture


def paint_window(easel: Easel, part: Part) -> None:
    """Curtains behind glass, a frame with bars, a reveal in shadow, a sill and a lintel."""
    region, palette = easel.region(part), easel.palette
    height, width = region.shape
    picture = _glass(easel, region)
    drape = max(1, width // 6)
    for columns in (slice(0, drape), slice(width - drape, width)):
        picture[:, columns] += np.float32(0.45) * (rgb(_CURTAIN) - picture[:, columns])
    bar, trim = easel.length(0.55), rgb(palette.trim)
    middle = (width - bar) // 2
    picture[:, middle : middle + bar] = trim
    if height > 1.2 * width:
        transom = round(0.34 * height)
        picture[transom : transom + bar] = trim
    for columns in (slice(0, bar), slice(width - bar, width)):
        picture[:, columns] = trim * np.float32(0.94)
    picture[height - bar :] = trim
    reveal = min(height, easel.length(1.5))
    picture[:reveal] *= np.linspace(0.35, 0.8, reveal, dtype=np.float32)[:, None, None]
    easel.paste(part, picture)
    _paint_sill(easel, region)
    if part.form == "box":
        lintel = Region(region.top - easel.length(1.1), region.top, region.left, region.right)
        easel.fill(lintel, palette.trim, brightness=0.95)


def _paint_sill(easel: Easel, region: Region) -> None:
    """A ledge under a window, a little wider than it, and the shadow under the ledge."""
    reach = easel.length(0.8)
    sill = Region(
        region.bottom, region.bottom + easel.length(0.9), region.left - reach, region.right + reach
    )
    easel.fill(sill, easel.palette.trim)
    easel.cast(sill, 1.4, dark=0.4)


def paint_blind(easel: Easel, part: Part) -> None:
    """Slats of a lowered blind, each shaded below."""
    region = easel.region(part)
    pitch = easel.length(1.2)
    slat = (np.arange(region.shape[0]) % pitch)[:, None] / np.float32(pitch)
    tone = np.broadcast_to(1 - 0.28 * slat, region.shape)
    easel.paste(part, toned((232, 222, 198), tone.astype(np.float32)))
    easel.darken(
        region._replace(bottom=min(region.bottom, region.top + pitch)), top=0.5, bottom=0.2
    )
    easel.fill(region._replace(top=region.bottom - easel.length(0.5)), _CURTAIN, brightness=0.6)


def paint_shutter(easel: Easel, part: Part) -> None:
    """A louvred wing, folded open onto the wall."""
    region = easel.region(part)
    easel.fill(region, easel.palette.wood, brightness=1.15)
    edge, pitch = easel.length(0.5), easel.length(1.2)
    inner = region.inset(edge, edge, edge)
    slat = (np.arange(inner.shape[0]) % pitch)[:, None, None] / np.float32(pitch)
    easel.view(inner)[:] = rgb(easel.palette.wood) * (np.float32(1.3) - 0.6 * slat)
    middle = (region.top + region.bottom) // 2
    easel.fill(region._replace(top=middle, bottom=middle + edge), easel.palette.wood)
    easel.cast(region, 1.2, dark=0.35)


def paint_door(easel: Easel, part: Part) -> None:
    """Two panelled wings under a fanlight, in a moulded frame."""
    region, wood = easel.region(part), easel.palette.wood
    height, width = region.shape
    edge, line = easel.length(0.9), easel.length(0.4)
    painted = np.empty((height, width, 3), dtype=np.float32)
    painted[:] = rgb(easel.palette.trim)
    inner = Region(0, height, 0, width).inset(edge, 0, edge)
    painted[inner.top : inner.bottom, inner.left : inner.right] = rgb(wood)
    light = min(height, inner.top + height // 5)
    fan = _glass(easel, region)[inner.top : light, inner.left : inner.right]
    painted[inner.top : light, inner.left : inner.right] = fan * np.float32(0.8)
    painted[light : light + line] = rgb(easel.palette.trim) * np.float32(0.85)
    for panel in _panels(Region(light + line, height, inner.left, inner.right), line):
        area = painted[panel.top : panel.bottom, panel.left : panel.right]
        area *= np.float32(1.22)
        area[: max(1, line)] *= np.float32(0.6)
    reveal = min(height, easel.length(1.6))
    painted[:reveal] *= np.linspace(0.4, 0.85, reveal, dtype=np.float32)[:, None, None]
    easel.paste(part, painted)
    step = region._replace(top=region.bottom - easel.length(1.1))
    easel.fill(step, (186, 180, 170))


def _panels(door: Region, line: int) -> list[Region]:
    """Three panels one above the other in each of two wings."""
    middle = (door.left + door.right) // 2
    heights = np.linspace(door.top, door.bottom, 4).astype(int).tolist()
    return [
        Region(top, bottom, left, right).inset(2 * line, line, 2 * line)
        for top, bottom in pairwise(heights)
        for left, right in ((door.left, middle), (middle, door.right))
        if bottom - top > 4 * line and right - left > 5 * line
    ]


def paint_shop(easel: Easel, part: Part) -> None:
    """A wooden front: signboard, panes before a lit room, panels below."""
    region, wood = easel.region(part), easel.palette.wood
    height = region.shape[0]
    easel.fill(region, wood)
    board = region._replace(bottom=region.top + max(1, round(0.17 * height)))
    easel.fill(board.inset(1, 1, 1), wood, brightness=1.35)
    _paint_sign(easel, board)
    riser = region.bottom - max(1, round(0.14 * height))
    window = Region(board.bottom, riser, region.left, region.right)
    num_panes = max(1, round(window.shape[1] / easel.length(13)))
    edges = np.linspace(window.left, window.right, num_panes + 1).astype(int).tolist()
    gap = easel.length(0.7)
    for left, right in pairwise(edges):
        pane = Region(window.top, window.bottom, left, right).inset(gap, gap, gap)
        _paint_display(easel, pane)
        panel = Region(riser, region.bottom, left, right).inset(gap, gap, gap)
        easel.fill(panel, wood, brightness=1.3)
    easel.darken(
        window._replace(bottom=min(riser, window.top + easel.length(2.5))), top=0.5, bottom=0.0
    )
    easel.cast(region._replace(bottom=region.top), 1.5, dark=0.35)


def _paint_sign(easel: Easel, board: Region) -> None:
    """A word of pale letters in the middle of a signboard."""
    pitch = easel.length(1.9)
    height, width = board.shape
    num_letters = int(min(8, 0.7 * width // pitch))
    start = (board.left + board.right - num_letters * pitch) // 2
    for letter in range(num_letters):
        left = start + letter * pitch
        box = Region(board.top, board.bottom, left, left + max(1, pitch * 2 // 3))
        easel.fill(box.inset(height // 3, height // 4, 0), (240, 226, 180))


def _paint_display(easel: Easel, pane: Region) -> None:
    """A room lit from within, goods on the floor, and a veil of mirrored sky above."""
    height, width = pane.shape
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None] * np.ones(width, np.float32)
    across = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None, :]
    glow = (1 - across * across) * np.clip(1.5 * down, 0, 1)
    easel.view(pane)[:] = blend((58, 60, 66), (250, 212, 146), np.float32(0.75) * glow)
    for share in (0.2, 0.5, 0.8):
        half = max(1, width // 11)
        middle = pane.left + round(share * width)
        top = pane.bottom - max(1, round(height * easel.rng.uniform(0.16, 0.34)))
        easel.fill(Region(top, pane.bottom, middle - half, middle + half), (112, 78, 58))
    veil = easel.view(pane._replace(bottom=pane.top + max(1, height // 3)))
    veil += np.float32(0.3) * (rgb((190, 212, 230)) - veil)


def paint_awning(easel: Easel, part: Part) -> None:
    """Striped cloth that slopes towards the street, with a valance and a deep shadow."""
    region = easel.region(part)
    height, width = region.shape
    stripe = easel.length(2.4)
    pale = ((np.arange(width) // stripe) % 2).astype(np.float32)[None, :]
    picture = blend(easel.palette.cloth, (248, 242, 230), np.repeat(pale, height, axis=0))
    picture *= np.linspace(1.08, 0.9, height, dtype=np.float32)[:, None, None]
    valance = max(1, round(0.24 * height))
    picture[height - valance :] *= np.float32(0.8)
    easel.paste(part, picture)
    easel.cast(region, 5, dark=0.6)


def paint_balcony(easel: Easel, part: Part) -> None:
    """A slab with a railing (iron bars, or a closed parapet under a flat roof) and its shadow."""
    region = easel.region(part)
    slab = region._replace(top=region.bottom - max(1, round(0.24 * region.shape[0])))
    rail = region._replace(bottom=slab.top)
    if easel.frame.roof == "flat":
        profile = np.linspace(1.0, 0.84, rail.shape[0], dtype=np.float32)[:, None, None]
        easel.view(rail)[:] = rgb(easel.palette.trim) * profile
    else:
        easel.view(rail)[:] *= np.float32(0.8)
        pitch, bar = easel.length(1.5), easel.length(0.4)
        for left in range(rail.left, rail.right, pitch):
            easel.fill(rail._replace(left=left, right=min(left + bar, rail.right)), _IRON)
        easel.fill(rail._replace(top=max(rail.top, rail.bottom - bar)), _IRON)
    handrail = rail._replace(bottom=min(rail.bottom, rail.top + easel.length(0.7)))
    easel.fill(handrail, _IRON if easel.frame.roof != "flat" else (170, 172, 176))
    easel.fill(slab, easel.palette.trim, brightness=0.9)
    easel.fill(slab._replace(bottom=slab.top + easel.length(0.4)), easel.palette.trim)
    easel.cast(region, 4, dark=0.55)
