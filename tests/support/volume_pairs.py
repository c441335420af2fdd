"""Pairs of volumes: scans, and maps of class ids."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig
from tests.support.file_pairs import SIZE, write
from tests.support.scientific_files import nifti
from tests.support.small_sets import make_config, make_side


def write_volumes(root: Path, depths: tuple[int, int] = (4, 4)) -> dict[str, np.ndarray]:
    """Patients with a scan and a map of class ids each; the scans as int16 and packed."""
    scans = {}
    for split, numbers in (("train", (1, 2, 3)), ("test", (4,))):
        for number in numbers:
            pair_id = f"{split}/patient{number}"
            scan, ids = (
                np.random.default_rng(10 * number + role).integers(*limits, (SIZE, SIZE, depth))
                for role, (limits, depth) in enumerate(
                    zip(((-900, 1500), (0, 5)), depths, strict=True)
                )
            )
            scan[0, 0], scan[0, 1] = -900, 1499
            scans[pair_id] = scan
            write(root / f"A/{pair_id}.nii.gz", nifti(scan.astype(np.int16), packed=True))
            write(root / f"B/{pair_id}.nii", nifti(ids.astype(np.uint8)))
    return scans


def volume_config(slices_a: str | None = "z", slices_b: str | None = "z") -> DataConfig:
    scans = make_side(channels=1, value_range=(-900.0, 1500.0), slices=slices_a)
    maps = replace(
        make_side(channels=1, slices=slices_b), kind="labels", num_labels=5, value_range=None
    )
    return make_config(side_a=scans, side_b=maps, image_size=SIZE, load_size=SIZE)
