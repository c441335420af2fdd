"""Image files under a data folder, by the id of the pair they belong to."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pix2pix.images.names import is_utf8

SPLIT_FOLDERS = ("train", "val", "dev", "test")
# What else such folders are called; unrecognised, a test set would be trained on.
_OTHER_NAMES = {
    "training": "train",
    "valid": "val",
    "validation": "val",
    "testing": "test",
}
SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff"),
    *(".webp", ".bmp", ".dib", ".gif", ".npy"),
)
# Pictures, too, but of kinds that are not read: a set must not quietly lose them.
UNREAD_SUFFIXES = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".exr", ".hdr", ".dng", ".raw"),
    *(".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".psd", ".xcf", ".tga", ".ico", ".pcx"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".sgi", ".dds", ".dcm", ".nii", ".npz", ".mat"),
)
_NOT_DATA = ("thumbs.db", "desktop.ini", "__macosx")

Files = dict[str, list[Path]]  # by pair id


class Found(NamedTuple):
    """The files of a side: images by the pair's id, files of other kinds, names that are no UTF-8.

    `unread` are pictures of kinds that are not read, and like those of a bad name by the id of the
    pair they would belong to.
    """

    images: Files
    unread: Files
    badly_named: Files
    others: tuple[Path, ...]


def collect_files(root: Path, side_folder: str | None) -> Found:
    """The files of a side (None: of both).

    Found are ROOT/SPLIT/x.png, ROOT/SIDE/SPLIT/x.png, ROOT/SPLIT/SIDE/x.png and, outside of split
    folders, ROOT/x.png or ROOT/SIDE/x.png, each at any depth; the ids are SPLIT/x and x. Hidden
    files and DVC's are passed over.
    """
    images: Files = defaultdict(list)
    unread: Files = defaultdict(list)
    badly_named: Files = defaultdict(list)
    others = []
    for prefix, directory in _places(root, side_folder):
        for path in _walk(directory, is_split=bool(prefix)):
            pair_id = prefix + path.relative_to(directory).with_suffix("").as_posix()
            suffix = path.suffix.lower()
            if not is_utf8(path.relative_to(root)):
                badly_named[pair_id].append(path)
            elif suffix in SUFFIXES:
                images[pair_id].append(path)
            elif suffix in UNREAD_SUFFIXES:
                unread[pair_id].append(path)
            else:
                others.append(path)
    return Found(dict(images), dict(unread), dict(badly_named), tuple(sorted(others)))


def image_files(root: Path) -> list[Path]:
    """Image files at any depth below `root`, sorted; hidden files and DVC's are passed over."""
    return [path for path in all_files(root) if path.suffix.lower() in SUFFIXES]


def all_files(root: Path) -> list[Path]:
    """Files of any kind at any depth below `root`, sorted, but for hidden files and DVC's."""
    return sorted(_walk(root, is_split=True))


def holds_images(root: Path, side_folder: str) -> bool:
    """Whether there is any image of a side."""
    return any(
        path.suffix.lower() in SUFFIXES
        for prefix, directory in _places(root, side_folder)
        for path in _walk(directory, is_split=bool(prefix))
    )


def own_folders(root: Path) -> list[str]:
    """The names of the folders in `root` and in its split folders, sorted; splits are left out."""
    places = [root, *(folder for _, folder in _split_folders(root))]
    return sorted(
        {
            path.name
            for place in places
            for path in place.iterdir()
            if path.is_dir() and _may_be_data(path.name) and not _split_of(path.name)
        }
    )


def split_folder(pair_id: str) -> str | None:
    """The split folder that a pair lies in, if any."""
    first, slash, _ = pair_id.partition("/")
    return first if slash and first in SPLIT_FOLDERS else None


def _places(root: Path, side_folder: str | None) -> Iterator[tuple[str, Path]]:
    """Folders that may hold files of a side, each with what it puts before the pair's id."""
    top = root if side_folder is None else root / side_folder
    for split, folder in _split_folders(top):
        yield f"{split}/", folder
    if side_folder is not None:
        for split, folder in _split_folders(root):
            yield f"{split}/", folder / side_folder
    yield "", top


def _split_folders(directory: Path) -> Iterator[tuple[str, Path]]:
    """The folders directly below that are splits, with the split's name; sorted."""
    if directory.is_dir():
        for path in sorted(directory.iterdir()):
            split = _split_of(path.name)
            if split is not None and path.is_dir():
                yield split, path


def _split_of(name: str) -> str | None:
    """The split that a folder's name stands for, whatever its case."""
    known = _OTHER_NAMES.get(name.lower(), name.lower())
    return known if known in SPLIT_FOLDERS else None


def _walk(directory: Path, *, is_split: bool) -> Iterator[Path]:
    """Files at any depth that may be data; outside of splits, splits at the top are left out."""
    for place, folders, names in os.walk(directory):
        at_top = Path(place) == directory and not is_split
        folders[:] = [
            name for name in folders if _may_be_data(name) and not (at_top and _split_of(name))
        ]
        yield from (Path(place, name) for name in names if _may_be_data(name))


def _may_be_data(name: str) -> bool:
    return not (name.startswith(".") or name.endswith(".dvc") or name.lower() in _NOT_DATA)
