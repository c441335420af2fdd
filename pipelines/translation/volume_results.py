"""Join the translated slices of NIfTI files to volumes."""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from pipelines.translation.translation_plan import SourceImage
from pix2pix.data.manifest import SideRecord
from pix2pix.files import write_bytes
from pix2pix.images.decode import decode
from pix2pix.images.nifti_volume import volume_like
from pix2pix.images.stored import as_written
from pix2pix.preparation.folders import stem_and_suffix

_SUFFIXES = (".nii", ".nii.gz")

logger = logging.getLogger(__name__)


def volume_files(plan: Mapping[SourceImage, Path]) -> dict[Path, Path]:
    """The file of the volume of each NIfTI file of a plan: beside its slices, with its name."""
    return {
        path: next(iter(outputs.values())).with_name(path.name)
        for path, outputs in _slices(plan).items()
    }


def write_volumes(
    plan: Mapping[SourceImage, Path], failed: Collection[SourceImage], *, target: SideRecord
) -> dict[Path, Path]:
    """Write the `volume_files` of a plan, of the written slices, see `images.nifti_volume`.

    A volume of which a slice could not be translated is left out. Returns the written files by
    their source files. Raises StorageError.
    """
    files = volume_files(plan)
    written = {}
    for path, outputs in _slices(plan).items():
        if not outputs.keys().isdisjoint(failed):
            logger.warning("%s: no volume is written, as slices could not be translated", path)
            continue
        planes = [
            as_written(decode(output.read_bytes()), target.file_dtype)
            for output in outputs.values()
        ]
        chosen = [source.volume_slice for source in outputs if source.volume_slice]
        written[path] = files[path]
        write_bytes(written[path], volume_like(path.read_bytes(), planes, chosen))
    return written


def _slices(plan: Mapping[SourceImage, Path]) -> dict[Path, dict[SourceImage, Path]]:
    """The slices of a plan and their outputs, by the NIfTI file that they are of."""
    slices: dict[Path, dict[SourceImage, Path]] = {}
    for source, output in plan.items():
        if source.volume_slice and stem_and_suffix(source.path)[1] in _SUFFIXES:
            slices.setdefault(source.path, {})[source] = output
    return slices
