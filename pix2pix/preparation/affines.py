"""Notes on pairs of volumes that lie at unlike places in space."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.images.names import first_names, relative_paths
from pix2pix.preparation.inspection import Inspected

_TOLERANCE = 0.01  # of the largest entry: headers are rounded to float32, and edited by hand


def affine_notes(pairs: Sequence[Inspected], config: DataConfig, *, root: Path) -> Iterator[str]:
    """A note naming the pairs of files whose affines differ though their images are as large.

    It is no offence: programs that cut or convert volumes often lose the affine, and then the
    voxels of both sides fit all the same. What is right only the user can see.
    """
    files: dict[str, None] = {}  # each pair of volumes once, whatever the number of its slices
    for pair in pairs:
        source, target, *_ = pair.facts
        if pair.source_size == pair.size and _differ(source.affine, target.affine):
            by_role = pair.files.by_role(config)
            files[" and ".join(relative_paths(root, (by_role["A"], by_role["B"])))] = None
    if files:
        yield (
            f"the affines of {len(files)} pair(s) of volumes differ, so A and B may show other "
            f"places or directions; look whether their voxels fit: {first_names(list(files))}"
        )


def _differ(source: tuple[float, ...] | None, target: tuple[float, ...] | None) -> bool:
    if source is None or target is None:
        return False
    return not np.allclose(source, target, rtol=0, atol=_TOLERANCE * np.abs(source).max())
