"""Notes about properties of files."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from pix2pix.config import SideConfig
from pix2pix.preparation.checks import check_pairs
from tests.support.small_sets import make_config, make_side, noise

NUM_PAIRS = 6


def profile_notes(root: Path, side_b: SideConfig, *images: np.ndarray) -> list[str]:
    """The notes where two files of B have the profile of another space, and all others sRGB."""
    for index in range(NUM_PAIRS):
        for name, image in zip("AB", (noise(index, 3), images[index]), strict=True):
            space = "XYZ" if name == "B" and index < 2 else "sRGB"
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()
            (root / name).mkdir(exist_ok=True)
            Image.fromarray(image.squeeze()).save(root / name / f"{index}.png", icc_profile=profile)
    report = check_pairs(root, make_config(side_a=make_side(), side_b=side_b), num_workers=1)
    return [note for note in report.notes if "colour profile" in note]


def test_profiles_other_than_srgb_are_named_with_their_files(tmp_path: Path) -> None:
    images = [noise(50 + index, 3) for index in range(NUM_PAIRS)]
    (note,) = profile_notes(tmp_path, make_side(), *images)
    assert note == (
        "side B: 2 files have a colour profile other than sRGB (XYZ identity built-in), which is "
        "not applied; convert them to sRGB if other images are in it: 0, 1"
    )


def test_class_ids_have_no_colours(tmp_path: Path) -> None:
    images = [noise(50 + index, 1) % 3 for index in range(NUM_PAIRS)]
    side = make_side(kind="labels", channels=1, num_labels=3)
    assert profile_notes(tmp_path, side, *images) == []
