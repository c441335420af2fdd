"""Which images of a folder are translated, and into which file each of them is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pipelines.translation.translation_input import refuse_what_is_in_the_way
from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.files import real_path
from pix2pix.images.encode import file_suffix
from pix2pix.images.georeference import georeference
from pix2pix.images.names import REMEDY as NAME_REMEDY
from pix2pix.images.names import is_utf8, printable
from pix2pix.images.options import VolumeSlice
from pix2pix.images.volumes import selected_slices
from pix2pix.plural import counted
from pix2pix.preparation.folders import (
    SUFFIXES,
    UNREAD_SUFFIXES,
    all_files,
    image_files,
    stem_and_suffix,
)
from pix2pix.special_files import refuse_linked_folders

NO_EXTRA: Mapping[str, Path] = MappingProxyType({})

Existing = Literal["refuse", "overwrite", "keep"]  # what happens to results that exist


def check_folders(
    input_dir: Path, output_dir: Path, *, extra_dirs: Mapping[str, Path] = NO_EXTRA
) -> None:
    """Raise UserError if a folder of images is missing, or overlaps the output folder.

    Also if it holds links to folders, whose images would be left out unnoticed, and if there can be
    no output folder, because a file has its name or that of a folder above.
    """
    refuse_what_is_in_the_way(output_dir)
    folders = {"INPUT": input_dir}
    folders |= {f"--extra-source {name}": folder for name, folder in extra_dirs.items()}
    for name, folder in folders.items():
        if not folder.is_dir():
            raise UserError(f"{name} {folder} is not a folder")
        refuse_linked_folders(folder)
        source, output = real_path(folder), real_path(output_dir)
        if source.is_relative_to(output) or output.is_relative_to(source):
            raise UserError(
                f"OUTPUT {output_dir} overlaps {name} {folder}: translated images could "
                "replace your own, or be translated again; name a folder beside it"
            )


@dataclass(frozen=True, slots=True)
class SourceImage:
    """An image to translate: a file, or a slice of a file that is a volume.

    `extra_paths` has the name and the file of each extra source that has a file for this image.
    `pair_id` is its path below the folder as ids of pairs have it, see `Translator.translate_file`.
    """

    path: Path
    volume_slice: VolumeSlice | None = None
    extra_paths: tuple[tuple[str, Path], ...] = ()
    pair_id: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return str(self.path) if self.volume_slice is None else f"{self.path}#{self.volume_slice}"


def planned(
    input_dir: Path,
    output_dir: Path,
    *,
    source: SideRecord,
    target: SideRecord,
    extra_dirs: Mapping[str, Path] = NO_EXTRA,
) -> dict[SourceImage, Path]:
    """Map each image at any depth of `input_dir`, sorted, to the output file of its translation.

    The relative path stays the same, but for the suffix of the target's file format. The slices
    that the source side selects have a file each, such as patient3#z012.tif. The images of the
    extra sources are the files with the same relative path, without suffix, in their folders.
    Raises UserError if there is no image, if two images would have the same output file, or if two
    files of an extra source have the same name.
    """
    extra_files = {name: _by_stem(folder) for name, folder in extra_dirs.items()}
    plan: dict[SourceImage, Path] = {}
    first_of: dict[Path, SourceImage] = {}
    for path in image_files(input_dir):
        if not is_utf8(path.relative_to(input_dir)):
            continue
        stem = str(path)[: -len(stem_and_suffix(path)[1])]
        relative = stem_and_suffix(path.relative_to(input_dir))[0]
        extra = tuple(
            (name, files[relative]) for name, files in extra_files.items() if relative in files
        )
        for each in source_images(path, source):
            number = "" if each.volume_slice is None else f"#{each.volume_slice}"
            image = replace(each, extra_paths=extra, pair_id=f"{relative}{number}")
            named = Path(f"{stem}{number}{result_suffix(path, target)}")
            output = output_dir / named.relative_to(input_dir)
            first = first_of.setdefault(output, image)
            if first != image:
                raise UserError(f"{first} and {image} would both become {output}; rename one")
            plan[image] = output
    if not plan:
        raise UserError(
            f"INPUT {input_dir} holds no images ({', '.join(SUFFIXES)})"
            + "".join(f"\n  {printable(path)}: {why}" for path, why in left_out(input_dir).items())
        )
    return plan


def _by_stem(folder: Path) -> dict[str, Path]:
    """The image files of a folder by their relative paths without suffix."""
    files: dict[str, Path] = {}
    for path in image_files(folder):
        first = files.setdefault(stem_and_suffix(path.relative_to(folder))[0], path)
        if first != path:
            raise UserError(f"{first} and {path} have the same name; remove one of them")
    return files


def source_images(path: Path, side: SideRecord) -> list[SourceImage]:
    """The images of a file: itself, or the slices that the source side selects of a volume."""
    try:
        slices = selected_slices(path, side)
    except (OSError, UserError):  # reading the pixels says what is wrong
        slices = None
    return [SourceImage(path)] if slices is None else [SourceImage(path, each) for each in slices]


def result_suffix(path: Path, target: SideRecord) -> str:
    """The suffix of the translation: ".tif" for GeoTIFF files, which keep their georeference."""
    if georeference(path):
        return ".tif"
    return file_suffix(target.file_dtype or target.dtype, target.channels, alpha=target.alpha)


def left_out(input_dir: Path) -> dict[Path, str]:
    """The images with an unsupported format or a bad name, and the reason for each."""
    reasons = {}
    for path in all_files(input_dir):
        if not is_utf8(path.relative_to(input_dir)):
            reasons[path] = f"the name is not UTF-8; {NAME_REMEDY}"
        elif stem_and_suffix(path)[1] in UNREAD_SUFFIXES:
            reasons[path] = f"{path.suffix.lower()} files are not supported; convert it to PNG"
    return reasons


def no_pictures(input_dir: Path) -> list[Path]:
    """The files that are ignored, because their suffixes are not those of images."""
    known = (*SUFFIXES, *UNREAD_SUFFIXES)
    return [
        path
        for path in all_files(input_dir)
        if is_utf8(path.relative_to(input_dir)) and stem_and_suffix(path)[1] not in known
    ]


def without_existing(
    plan: Mapping[SourceImage, Path], *, existing: Existing, volumes: Collection[Path]
) -> dict[SourceImage, Path]:
    """The part of the plan that is to be translated, given what happens to results that exist.

    `volumes` are the files that are made of the results, see `volume_results`. Raises UserError if
    there are any results or volumes and `existing` is "refuse".
    """
    there = [output for output in (*plan.values(), *volumes) if output.exists()]
    if there and existing == "refuse":
        raise UserError(
            f"{counted(len(there), 'result', verb='exist')}, such as {there[0]}; name another "
            "folder, give --overwrite to replace them, or --keep to keep them and make only the "
            "others"
        )
    if existing == "keep":
        return {source: output for source, output in plan.items() if not output.exists()}
    return dict(plan)
