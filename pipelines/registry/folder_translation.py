"""Translate the images of a folder, file by file.

An image that cannot be read, does not fit the model, or is too large for the memory is reported,
and the others are translated.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from pipelines.processes.progress_line import image_line
from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.files import write_bytes
from pix2pix.images.encode import encode, file_suffix
from pix2pix.images.names import REMEDY as NAME_REMEDY
from pix2pix.images.names import is_utf8, printable
from pix2pix.inference import Scale, Translator
from pix2pix.memory import no_traceback_of_memory
from pix2pix.preparation.folders import SUFFIXES, UNREAD_SUFFIXES, all_files, image_files

_PROGRESS_S = 10.0

logger = logging.getLogger(__name__)


def check_folders(input_dir: Path, output_dir: Path) -> None:
    """Raise UserError if the input folder is missing, or one folder lies inside the other."""
    if not input_dir.is_dir():
        raise UserError(f"--input {input_dir} is not a folder")
    source, output = input_dir.resolve(), output_dir.resolve()
    if source.is_relative_to(output) or output.is_relative_to(source):
        raise UserError(
            f"--output {output_dir} overlaps --input {input_dir}: translated images could replace "
            "your own, or be translated again; name a folder beside it"
        )


def planned(input_dir: Path, output_dir: Path, target: SideRecord) -> dict[Path, Path]:
    """Map each image at any depth of `input_dir`, sorted, to the output file of its translation.

    The relative path stays the same, but for the suffix of the target's file format. Raises
    UserError if there is no image, or if two images would have the same output file.
    """
    suffix = file_suffix(target.dtype, target.channels)
    plan: dict[Path, Path] = {}
    source_of: dict[Path, Path] = {}
    for source in image_files(input_dir):
        if not is_utf8(source.relative_to(input_dir)):
            continue
        output = output_dir / source.relative_to(input_dir).with_suffix(suffix)
        first = source_of.setdefault(output, source)
        if first != source:
            raise UserError(f"{first} and {source} would both become {output}; rename one")
        plan[source] = output
    if not plan:
        raise UserError(
            f"--input {input_dir} holds no images ({', '.join(SUFFIXES)})"
            + "".join(f"\n  {printable(path)}: {why}" for path, why in left_out(input_dir).items())
        )
    return plan


def left_out(input_dir: Path) -> dict[Path, str]:
    """The images with an unsupported format or a bad name, and the reason for each."""
    reasons = {}
    for path in all_files(input_dir):
        if not is_utf8(path.relative_to(input_dir)):
            reasons[path] = f"the name is not UTF-8; {NAME_REMEDY}"
        elif path.suffix.lower() in UNREAD_SUFFIXES:
            reasons[path] = f"{path.suffix.lower()} files are not supported; convert it to PNG"
    return reasons


def no_pictures(input_dir: Path) -> list[Path]:
    """The files that are ignored, because their suffixes are not those of images."""
    known = (*SUFFIXES, *UNREAD_SUFFIXES)
    return [
        path
        for path in all_files(input_dir)
        if is_utf8(path.relative_to(input_dir)) and path.suffix.lower() not in known
    ]


def translate_files(
    translator: Translator, plan: Mapping[Path, Path], *, scale: Scale = "training"
) -> dict[Path, str]:
    """Translate and write each image; return the images that failed, with the reasons.

    Output files are written atomically and replace existing ones. Raises StorageError if a file
    cannot be written.
    """
    failures: dict[Path, str] = {}
    logged_s = time.monotonic()
    for number, (source, output) in enumerate(plan.items(), start=1):
        try:
            content = _translated(translator, source, scale)
        except UserError as error:
            failures[source] = str(error).removeprefix(f"{source}: ")
        else:
            write_bytes(output, content)
        if time.monotonic() - logged_s >= _PROGRESS_S:
            logger.info("%d of %d images", number, len(plan))
            logged_s = time.monotonic()
    return failures


def _translated(translator: Translator, source: Path, scale: Scale) -> bytes:
    with no_traceback_of_memory(str(source)):
        progress = _ImageProgress(source)
        return encode(translator.translate_file(source, scale=scale, progress=progress))


class _ImageProgress:
    """Logs how far the translation of a large image is."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._started_s = self._logged_s = time.monotonic()

    def __call__(self, share: float) -> None:
        now_s = time.monotonic()
        if now_s - self._logged_s >= _PROGRESS_S:
            line = image_line(printable(self._source), share, now_s - self._started_s)
            logger.info("%s", line)
            self._logged_s = now_s
