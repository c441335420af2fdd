"""Surfaces of the drawn facades: brick, stone, plaster, tiles, sky, street.

Tones are (H, W) float32 factors about 1, colours (H, W, 3) float32 in [0, 255]. Only whole-number
image operations and plain arithmetic are used, no transcendental function: they give the same bits
on every processor, so that the same seed draws the same pixels everywhere.
"""

import cv2
import numpy as np

Shape = tuple[int, int]
Colour = tuple[float, float, float]


def noise(shape: Shape, rng: np.random.Generator, *, num_cells: int) -> np.ndarray:
    """Smooth value noise in [-1, 1], (H, W) float32, about `num_cells` bumps across."""
    knots = rng.integers(0, 256, (num_cells + 1, num_cells + 1), dtype=np.uint8)
    smooth = cv2.resize(knots, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR_EXACT)
    return smooth.astype(np.float32) * np.float32(1 / 127.5) - np.float32(1)


def grain(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Independent uniform noise in [-1, 1], (H, W) float32."""
    return rng.integers(-127, 128, shape, dtype=np.int8).astype(np.float32) * np.float32(1 / 127)


def rgb(colour: np.ndarray | Colour) -> np.ndarray:
    """A colour as numbers to reckon with, (3,) float32; a (H, W, 3) picture as it is."""
    return np.asarray(colour, dtype=np.float32)


def blend(low: np.ndarray | Colour, high: np.ndarray | Colour, share: np.ndarray) -> np.ndarray:
    """Mix two colours or pictures by a (H, W) share in [0, 1]; (H, W, 3) float32."""
    first, second = rgb(low), rgb(high)
    # Plane by plane: broadcasting over a last axis of three is several times slower.
    planes = [first[..., c] + share * (second[..., c] - first[..., c]) for c in range(3)]
    return np.asarray(cv2.merge(planes))


def toned(colour: np.ndarray | Colour, tone: np.ndarray) -> np.ndarray:
    """A colour or picture times (H, W) factors; (H, W, 3) float32."""
    base = rgb(colour)
    return np.asarray(cv2.merge([base[..., c] * tone for c in range(3)]))


def plaster(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Stains and grain on a smooth wall."""
    stains = noise(shape, rng, num_cells=4) + 0.5 * noise(shape, rng, num_cells=12)
    tone: np.ndarray = 1 + np.float32(0.03) * (stains + grain(shape, rng))
    return tone


def masonry(
    shape: Shape, rng: np.random.Generator, *, block: Shape, joint_px: int, spread: float
) -> np.ndarray:
    """Courses of blocks (height, width), each row shifted by half a block, with pale joints.

    `spread` is the largest deviation of a block's tone from 1.
    """
    height, width = block
    ys, xs = np.arange(shape[0]), np.arange(shape[1])
    rows = ys // height
    offset = (rows % 2)[:, None] * (width // 2) + xs[None, :]
    tones = 1 + spread * rng.uniform(-1, 1, (rows[-1] + 1, offset.max() // width + 1))
    tone: np.ndarray = tones[rows[:, None], offset // width].astype(np.float32)
    # The upper edge of a block catches light from above; the joint under it lies in its shade.
    tone[ys % height == 0] *= np.float32(1 + 0.5 * spread)
    joints = (ys % height >= height - joint_px)[:, None] | (offset % width < joint_px)
    tone[joints] = 1 - 1.4 * spread
    return tone


def tiles(shape: Shape, rng: np.random.Generator, *, tile: Shape) -> np.ndarray:
    """Overlapping tiles (height, width): light at their upper end, a shaded step at the lower."""
    height, width = tile
    ys, xs = np.arange(shape[0]), np.arange(shape[1])
    rows = ys // height
    offset = (rows % 2)[:, None] * (width // 2) + xs[None, :]
    tones = 1 + 0.12 * rng.uniform(-1, 1, (rows[-1] + 1, offset.max() // width + 1))
    across = np.abs((offset % width) / width - 0.5)
    down = (ys % height)[:, None] / height
    tone = tones[rows[:, None], offset // width] * (1.12 - 0.22 * down - 0.3 * across * across)
    tone[ys % height == height - 1] *= 0.72
    return np.asarray(tone, dtype=np.float32)


def sky(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Blue overhead, pale at the horizon, with a few soft clouds; (H, W, 3)."""
    down = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    clear = blend((92, 148, 214), (208, 226, 240), np.minimum(down * np.float32(1.25), 1))
    cover = noise(shape, rng, num_cells=3)
    for num_cells, weight in ((7, 0.55), (17, 0.25)):
        cover += np.float32(weight) * noise(shape, rng, num_cells=num_cells)
    density = np.clip((cover - np.float32(0.3)) * np.float32(1.2), 0, 1)
    density *= density * (3 - 2 * density) * np.clip(np.float32(1.1) - down, 0, 1)
    # Whole-number averaging rounds off the corners that the noise's straight slopes leave.
    soft = cv2.blur((density * 255).astype(np.uint8), (shape[1] // 24 | 1, shape[0] // 24 | 1))
    lit = blend((246, 248, 251), (214, 222, 232), down)
    return blend(clear, lit, soft.astype(np.float32) * np.float32(0.75 / 255))


def street(shape: Shape, rng: np.random.Generator, *, kerb_px: int) -> np.ndarray:
    """A pavement with joints, a kerb, and the road below it; (H, W, 3)."""
    slab_px = max(2, kerb_px)
    slabs = masonry(shape, rng, block=(slab_px, 4 * slab_px), joint_px=1, spread=0.07)
    surface = np.float32(1) + np.float32(0.05) * grain(shape, rng)
    picture = toned((168, 164, 158), slabs * surface)
    kerb = int(shape[0] * 0.55)
    picture[kerb:] = np.float32(92) * surface[kerb:, :, None]
    picture[kerb : kerb + max(1, kerb_px // 2)] = (196, 194, 188)
    return picture
