"""Image files under a data folder, by the id of the pair they belong to."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pix2pix.errors import UserError

SPLIT_FOLDERS = ("train", "val", "dev", "test")
# What else such folders are called; unrecognised, a test set would be trained on.
_OTHER_NAMES = {
    "training": "train",
    "valid": "val",
    "validation": "val",
    "testing": "test",
}
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
_NOT_DATA = ("thumbs.db", "desktop.ini", "__macosx")

Files = dict[str, list[Path]]  # by pair id


def collect_files(root: Path, side_folder: str | None) -> tuple[Files, int]:
    """Image files of a side (None: of both) by pair id, and the number of files of other kinds.

    Found are ROOT/SPLIT/x.png, ROOT/SIDE/SPLIT/x.png, ROOT/SPLIT/SIDE/x.png and, outside of split
    folders, ROOT/x.png or ROOT/SIDE/x.png, each at any depth; the ids are SPLIT/x and x. Hidden
    files and DVC's are passed over. Raises UserError if there is none.
    """
    files: Files = defaultdict(list)
    num_ignored = 0
    for prefix, directory in _places(root, side_folder):
        for path in _walk(directory, is_split=bool(prefix)):
            if path.suffix.lower() in SUFFIXES:
                stem = path.relative_to(directory).with_suffix("").as_posix()
                files[prefix + stem].append(path)
            else:
                num_ignored += 1
    if not files:
        place = str(root) if side_folder is None else f"{root} (folder {side_folder!r})"
        raise UserError(
            f"{place} holds no images ({', '.join(SUFFIXES)}); correct data.path, data.layout, "
            "data.folder_a or data.folder_b"
        )
    return dict(files), num_ignored


def image_files(root: Path) -> list[Path]:
    """Image files at any depth below `root`, sorted; hidden files and DVC's are passed over."""
    return sorted(path for path in _walk(root, is_split=True) if path.suffix.lower() in SUFFIXES)


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
