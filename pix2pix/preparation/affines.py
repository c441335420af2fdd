"""Notes on pairs of files that lie at unlike places in space: NIfTI volumes and GeoTIFF files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.images.decoded import FileFacts
from pix2pix.images.names import first_names, relative_paths
from pix2pix.plural import counted
from pix2pix.preparation.inspection import Inspected

# Of the smaller pixels or voxels. Headers are rounded to float32, and a position of a corner that
# was taken for one of a centre is half a pixel off in both directions, 0.71 in all.
_TOLERANCE_PX = 0.75


def affine_notes(pairs: Sequence[Inspected], config: DataConfig, *, root: Path) -> Iterator[str]:
    """A note naming the pairs of files whose affines differ, the declared `scale` considered.

    It is no offence: programs that cut or convert files often lose the affine, and then the pixels
    of both sides fit all the same. What is right only the user can see.
    """
    files: dict[str, None] = {}  # each pair of volumes once, whatever the number of its slices
    for pair in pairs:
        target = list(config.roles)[1]
        for role in _elsewhere(pair, config):
            by_role = pair.files.by_role(config)
            paths = [by_role[name] for name in sorted((role, target))]  # A and B before others
            files[" and ".join(relative_paths(root, paths))] = None
    if files:
        yield (
            f"the affines of {counted(len(files), 'pair')} of volumes or GeoTIFF files differ, so "
            "these may show other places or directions; look whether their pixels fit: "
            f"{first_names(list(files))}"
        )


def direction_notes(pairs: Sequence[Inspected], config: DataConfig, *, root: Path) -> Iterator[str]:
    """A note naming the pairs of which one file is NIfTI and another is not.

    NIfTI files are turned to RAS+, others are read as they are stored: both may show the same
    volume in other directions, and nothing in the other file tells.
    """
    files: dict[str, None] = {}
    for pair in pairs:
        formats = {facts.file_format for facts in pair.facts}
        if "NIfTI" in formats and len(formats) > 1:
            paths = sorted(pair.files.by_role(config).values())
            files[" and ".join(relative_paths(root, paths))] = None
    if files:
        yield (
            f"{counted(len(files), 'pair', verb='have')} a NIfTI file, which is turned to RAS+, "
            "and a file of another kind, which is read as it is stored: look whether both show the "
            f"same side up, or convert all files to NIfTI: {first_names(list(files))}"
        )


def _elsewhere(pair: Inspected, config: DataConfig) -> Iterator[str]:
    """The sources whose files state another place than the target's file."""
    target = pair.facts[1]
    for place, (role, side) in enumerate(config.roles.items()):
        ratio = config.target_ratio(side)
        if ratio is not None:
            ratios = (ratio, ratio)
        elif place == 0:
            ratios = (pair.size[0] / pair.source_size[0], pair.size[1] / pair.source_size[1])
        else:
            continue  # the sizes of further sources are not known here
        if _differ(pair.facts[place], target, pair.size, ratios):
            yield role


def _differ(
    source: FileFacts,
    target: FileFacts,
    size: tuple[int, int],
    ratios: tuple[float, float],
) -> bool:
    """Whether a corner of the target lies elsewhere by the affine of the source.

    `size` is that of the target; it is `ratios` times as high and wide as the source.
    """
    if source.affine is None or target.affine is None:
        return False
    if ratios != (1, 1) and "NIfTI" in (source.file_format, target.file_format):
        return False  # which axes of a volume the rows and columns are depends on the slices
    rows, columns = ratios
    to_source = np.diag([1 / columns, 1 / rows, 1, 1])
    to_source[:2, 3] = 0.5 / columns - 0.5, 0.5 / rows - 0.5  # indices are those of centres
    affine = np.reshape(target.affine, (4, 4))
    difference = np.reshape(source.affine, (4, 4)) @ to_source - affine
    ends = (0, max(size))
    corners = np.array([(x, y, z, 1) for x in ends for y in ends for z in ends])
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    distance = np.linalg.norm((corners @ difference.T)[:, :3], axis=1).max()
    return bool(distance > _TOLERANCE_PX * lengths[lengths > 0].min(initial=np.inf))
