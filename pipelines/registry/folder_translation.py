"""The images of a folder through a generator, file by file.

An image that cannot be read, is not of the model's kind, or is too large for the memory, does not
keep the others from being translated.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

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
    """Raise UserError unless there is an input folder and the output is apart from it."""
    if not input_dir.is_dir():
        raise UserError(f"--input {input_dir} is not a folder")
    source, output = input_dir.resolve(), output_dir.resolve()
    if source.is_relative_to(output) or output.is_relative_to(source):
        raise UserError(
            f"--output {output_dir} overlaps --input {input_dir}: translated images could replace "
            "your own, or be translated again; name a folder beside it"
        )


def planned(input_dir: Path, output_dir: Path, target: SideRecord) -> dict[Path, Path]:
    """Each image at any depth of `input_dir`, sorted, and the file its translation goes to.

    Names stay, the suffix becomes that of the target's format. Raises UserError if there is no
    image, or two would become one file.
    """
    suffix = file_suffix(target.dtype, target.channels)
    plan: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for source in image_files(input_dir):
        if not is_utf8(source.relative_to(input_dir)):
            continue
        output = output_dir / source.relative_to(input_dir).with_suffix(suffix)
        first = taken.setdefault(output, source)
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
    """Pictures that no model can translate, and why: of an unread kind, or of a bad name."""
    reasons = {}
    for path in all_files(input_dir):
        if not is_utf8(path.relative_to(input_dir)):
            reasons[path] = f"the name is not UTF-8; {NAME_REMEDY}"
        elif path.suffix.lower() in UNREAD_SUFFIXES:
            reasons[path] = f"{path.suffix.lower()} files are not read; convert it to PNG"
    return reasons


def no_pictures(input_dir: Path) -> list[Path]:
    """Files that are left alone: by their names they are no pictures."""
    known = (*SUFFIXES, *UNREAD_SUFFIXES)
    return [
        path
        for path in all_files(input_dir)
        if is_utf8(path.relative_to(input_dir)) and path.suffix.lower() not in known
    ]


def translate_files(
    translator: Translator, plan: Mapping[Path, Path], *, scale: Scale = "training"
) -> dict[Path, str]:
    """Translate and write each image; returns those that could not be translated, and why.

    Files appear whole, in place of what is there. Raises OSError if one cannot be written.
    """
    failures: dict[Path, str] = {}
    shown_s = time.monotonic()
    for number, (source, output) in enumerate(plan.items(), start=1):
        try:
            content = _translated(translator, source, scale)
        except UserError as error:
            failures[source] = str(error).removeprefix(f"{source}: ")
        else:
            write_bytes(output, content)
        if time.monotonic() - shown_s >= _PROGRESS_S:
            logger.info("%d of %d images", number, len(plan))
            shown_s = time.monotonic()
    return failures


def _translated(translator: Translator, source: Path, scale: Scale) -> bytes:
    with no_traceback_of_memory(str(source)):
        return encode(translator.translate_file(source, scale=scale))
