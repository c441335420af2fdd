"""What INPUT and OUTPUT of `pix2pix translate` are, told by their names alone.

A wrong name is found here before the libraries are imported that translate, which takes seconds.
"""

from pathlib import Path
from typing import Literal

from pix2pix.errors import UserError
from pix2pix.files import in_the_way
from pix2pix.preparation.folders import SUFFIXES, UNREAD_SUFFIXES, stem_and_suffix

InputKind = Literal["folder", "image", "film"]

RESULT_SUFFIXES = (".png", ".tif", ".tiff")  # of translated images
FILM_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")  # of translated films


def kind_of_input(source: Path, result: Path) -> InputKind:
    """What is translated: a film if one of both has the name of one; an animated image can be one.

    Raises UserError if there is nothing at `source`, or a file that is not read.
    """
    if source.is_dir():
        return "folder"
    if not source.exists():
        raise UserError(f"{source} does not exist; correct the name of INPUT")
    suffix = stem_and_suffix(source)[1]
    if suffix in UNREAD_SUFFIXES:
        raise UserError(f"{source}: {suffix} files are not supported; convert it to PNG")
    if not {suffix, result.suffix.lower()}.isdisjoint(FILM_SUFFIXES):
        return "film"
    if suffix in SUFFIXES:
        return "image"
    raise UserError(
        f"{source} is no image that is read ({', '.join(SUFFIXES)}); name another file, or convert "
        f"it to PNG. If it is a film, name OUTPUT as one ({', '.join(FILM_SUFFIXES)})"
    )


def check_image_output(image: Path, output: Path, *, overwrite: bool) -> None:
    """Raise UserError if `output` can be neither the folder nor the file of an image's result."""
    if output.is_dir() or not (output.suffix or output.exists()):
        refuse_what_is_in_the_way(output)
        return
    if output.suffix.lower() not in RESULT_SUFFIXES:
        raise UserError(
            f"{output}: images are written as .png, or as .tif where PNG cannot hold the values; "
            "name it so, or name a folder that exists"
        )
    refuse_what_is_in_the_way(output.parent)
    refuse_existing(image, output, overwrite=overwrite)


def check_film_output(film: Path, output: Path, *, overwrite: bool) -> None:
    """Raise UserError if `output` is a folder, the film itself, or may not be replaced."""
    if output.is_dir():
        raise UserError(f"{output} is a folder; name the film that is to be written")
    refuse_what_is_in_the_way(output.parent)
    refuse_existing(film, output, overwrite=overwrite)


def refuse_what_is_in_the_way(folder: Path) -> None:
    """Raise UserError if there can be no folder for the results, because a file has its name."""
    if path := in_the_way(folder):
        raise UserError(f"OUTPUT {folder}: {path} is no folder; name one for the results")


def refuse_existing(source: Path, output: Path, *, overwrite: bool) -> None:
    """Raise UserError if the result would replace its own source, or another file unasked."""
    if output.exists() and source.exists() and output.samefile(source):
        raise UserError(f"{output} is INPUT itself; name another file")
    if output.exists() and not overwrite:
        raise UserError(f"{output} exists; name another file, or give --overwrite to replace it")
