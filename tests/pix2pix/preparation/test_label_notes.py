"""Notes about label maps."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.values import num_colours
from tests.support.small_sets import make_config, make_side, noise

NUM_PAIRS = 6
COLOURS = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)


def write_picture(path: Path, indices: np.ndarray, palette: np.ndarray) -> None:
    image = Image.fromarray(indices).convert("P")
    image.putpalette(palette.tobytes())
    image.save(path, **({"optimize": False} if path.suffix == ".gif" else {}))


def write_tiff(path: Path, indices: np.ndarray, palette: np.ndarray) -> None:
    table = np.zeros((3, 256), np.uint16)
    table[:, : len(palette)] = palette.T.astype(np.uint16) * 257
    tifffile.imwrite(path, indices, photometric="palette", colormap=table)


def palette_notes(
    root: Path,
    suffix: str,
    write: Callable[[Path, np.ndarray, np.ndarray], None],
    palettes: dict[int, np.ndarray],
) -> list[str]:
    """The notes on palettes where A has class ids, and some files have a palette of their own."""
    for index in range(NUM_PAIRS):
        for side in "AB":
            (root / side).mkdir(exist_ok=True)
        ids = noise(index, 1)[..., 0] % 3
        write(root / f"A/{index}{suffix}", ids, palettes.get(index, COLOURS))
        Image.fromarray(noise(50 + index, 3)).save(root / f"B/{index}.png")
    side = make_side(kind="labels", channels=1, num_labels=3)
    report = check_pairs(root, make_config(side_a=side), num_workers=1)
    assert report.offences == ()
    return [note for note in report.notes if "palette" in note]


@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        (".png", write_picture),
        (".gif", write_picture),
        (".bmp", write_picture),
        (".tif", write_tiff),
    ],
)
def test_palettes_that_were_sorted_anew_are_named(
    suffix: str, write: Callable[[Path, np.ndarray, np.ndarray], None], tmp_path: Path
) -> None:
    """Programs that make files smaller or count colours do that: equal ids are unlike classes."""
    (note,) = palette_notes(tmp_path, suffix, write, {1: COLOURS[::-1], 4: COLOURS[[0, 2, 1]]})
    assert note.startswith(
        "side A: 2 palettes give ids other colours than most do, such as "
        "#0000c8 to 0 in 1 (#c80000 in most)."
    )
    assert note.endswith("set num_labels: null and channels: 3 of the side: 1, 4")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["labels", "image"])
def test_labels_with_smoothed_edges_are_named(kind: str, channels: int, tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        for side in "AB":
            (tmp_path / side).mkdir(exist_ok=True)
        drawn = Image.fromarray(COLOURS[noise(index, 1)[:12, :12, 0] % 3])
        kernel = Image.Resampling.BICUBIC if index in (2, 3) else Image.Resampling.NEAREST
        labels = drawn.resize((64, 64), kernel).convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
        labels.save(tmp_path / f"A/{index}.png")
        Image.fromarray(noise(50 + index, size=64)).save(tmp_path / f"B/{index}.png")
    config = make_config(side_a=make_side(kind=kind, channels=channels), near_duplicate_bits=-1)
    report = check_pairs(tmp_path, config, num_workers=1)
    notes = [note for note in report.notes if "label files hold more than 64 colours" in note]
    assert len(notes) == (kind == "labels")
    assert all(note.startswith("side A: 2 label") and note.endswith(": 2, 3") for note in notes)


def test_the_colours_of_an_image_are_counted_in_all_channels() -> None:
    colours = np.array([[[1, 2, 3], [1, 2, 4], [3, 2, 1], [1, 2, 3]]], np.uint8)
    assert num_colours(colours) == 3
    assert num_colours(colours[..., :2]) == 2
    assert num_colours(np.arange(4, dtype=np.uint8).repeat(2**17)[None, :, None]) == 4


def test_colours_of_ids_that_a_file_does_not_hold_do_not_count(tmp_path: Path) -> None:
    longer = np.concatenate([COLOURS, [[9, 9, 9]]]).astype(np.uint8)
    assert palette_notes(tmp_path, ".png", write_picture, {1: longer}) == []
