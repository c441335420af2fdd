"""List the image files of a data folder by the id of the pair that they belong to."""

import errno
import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pix2pix.errors import UserError
from pix2pix.images.names import is_utf8

SPLIT_FOLDERS = ("train", "val", "dev", "test")
# Other usual names of split folders. If a test folder were not recognised, it would be trained on.
_OTHER_NAMES = {
    "training": "train",
    "valid": "val",
    "validation": "val",
    "testing": "test",
}
SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff"),
    *(".webp", ".bmp", ".dib", ".gif", ".npy", ".npz", ".exr", ".dcm", ".dicom", ".ima"),
    *(".nii", ".nii.gz"),
)
# Image formats that are not supported. They are reported, so that no image is silently ignored.
UNREAD_SUFFIXES = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".hdr", ".dng", ".raw"),
    *(".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".psd", ".xcf", ".tga", ".ico", ".pcx"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".sgi", ".dds", ".mha", ".mhd", ".nrrd", ".mat"),
)
# In lower case: what file managers, systems, and network storage of Synology and QNAP add by
# themselves. Thumbnails and deleted files would else be taken for data. Only root may read
# lost+found.
_NOT_DATA = (
    *("thumbs.db", "desktop.ini", "__macosx", "lost+found"),
    *("$recycle.bin", "recycler", "system volume information"),
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
)
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

Files = dict[str, list[Path]]  # by pair id


class SideFiles(NamedTuple):
    """The files of a side, by pair id.

    `unmatched` are images without a key, `unread` are images of unsupported formats, `badly_named`
    are files whose names are not UTF-8, and `others` are files that are no images.
    """

    images: Files
    unread: Files
    badly_named: Files
    others: tuple[Path, ...]
    unmatched: tuple[Path, ...] = ()


def collect_files(
    root: Path, side_folder: str | None, *, key_of: Callable[[str], str | None] = lambda stem: stem
) -> SideFiles:
    """List the files of the side in `side_folder`, or of both sides if it is None.

    Files are listed in ROOT/SPLIT/SIDE and ROOT/SIDE/SPLIT (pair id SPLIT/x for x.png), and outside
    of split folders in ROOT/SIDE (pair id x), each at any depth. If `side_folder` is None, there is
    no folder SIDE in these paths. `key_of` maps x to the key that replaces it in the pair id, or to
    None if the file is no part of a pair. Hidden files, files of DVC and what systems put there
    (recycle bins, previews) are ignored.
    """
    images: Files = defaultdict(list)
    unread: Files = defaultdict(list)
    badly_named: Files = defaultdict(list)
    others, unmatched = [], []
    for prefix, directory in _side_folders(root, side_folder):
        for path in _walk(directory, is_split=bool(prefix)):
            stem, suffix = stem_and_suffix(path.relative_to(directory))
            if not is_utf8(path.relative_to(root)):
                badly_named[prefix + stem].append(path)
                continue
            if suffix not in (*SUFFIXES, *UNREAD_SUFFIXES):
                others.append(path)
                continue
            key = key_of(stem)
            if key is None:
                unmatched.append(path)
            else:
                (images if suffix in SUFFIXES else unread)[prefix + key].append(path)
    return SideFiles(
        dict(images),
        dict(unread),
        dict(badly_named),
        tuple(sorted(others)),
        tuple(sorted(unmatched)),
    )


def stem_and_suffix(path: Path) -> tuple[str, str]:
    """A path without its suffix, and the suffix in lower case; ".nii.gz" counts as one suffix.

    The characters of the path are composed (Unicode NFC), because some systems store the same name
    in another form.
    """
    suffix = ".nii.gz" if path.name.lower().endswith(".nii.gz") else path.suffix.lower()
    stem = path.as_posix()[: len(path.as_posix()) - len(suffix)]
    return unicodedata.normalize("NFC", stem), suffix


def image_files(root: Path) -> list[Path]:
    """Image files at any depth below `root`, sorted, without hidden files and files of DVC."""
    return [path for path in all_files(root) if stem_and_suffix(path)[1] in SUFFIXES]


def all_files(root: Path) -> list[Path]:
    """All files at any depth below `root`, sorted, without hidden files and files of DVC."""
    return sorted(_walk(root, is_split=True))


def holds_images(root: Path, side_folder: str) -> bool:
    """Whether there is any image of the side in `side_folder`."""
    return any(
        stem_and_suffix(path)[1] in SUFFIXES
        for prefix, directory in _side_folders(root, side_folder)
        for path in _walk(directory, is_split=bool(prefix))
    )


def own_folders(root: Path) -> list[str]:
    """The sorted names of the folders in `root` and in its split folders, without split folders."""
    parents = [root, *(folder for _, folder in _split_folders(root))]
    return sorted(
        {
            path.name
            for parent in parents
            for path in parent.iterdir()
            if path.is_dir() and _may_be_data(path.name) and not split_of(path.name)
        }
    )


def split_folder(pair_id: str) -> str | None:
    """The split folder in a pair's id, None if there is none."""
    first, slash, _ = pair_id.partition("/")
    return first if slash and first in SPLIT_FOLDERS else None


def _side_folders(root: Path, side_folder: str | None) -> Iterator[tuple[str, Path]]:
    """(prefix of the pair ids, folder) of each folder that may hold files of a side."""
    top = root if side_folder is None else root / side_folder
    for split, folder in _split_folders(top):
        yield f"{split}/", folder
    if side_folder is not None:
        for split, folder in _split_folders(root):
            yield f"{split}/", folder / side_folder
    yield "", top


def _split_folders(directory: Path) -> Iterator[tuple[str, Path]]:
    """(split name, folder) of each split folder directly in `directory`, sorted by folder name."""
    if directory.is_dir():
        if not os.access(directory, os.R_OK | os.X_OK):
            raise UserError(no_permission(directory))
        for path in sorted(directory.iterdir()):
            split = split_of(path.name)
            if split is not None and path.is_dir():
                yield split, path


def split_of(name: str) -> str | None:
    """The split that a folder's name means, in upper or lower case; None if it means none."""
    known = _OTHER_NAMES.get(name.lower(), name.lower())
    return known if known in SPLIT_FOLDERS else None


def _walk(directory: Path, *, is_split: bool) -> Iterator[Path]:
    """Files at any depth that may be data.

    Unless `directory` itself belongs to a split, split folders directly in it are left out. Raises
    UserError for a folder without permission: its images would be left out unnoticed.
    """
    for folder, subfolders, names in os.walk(directory, onerror=_refuse_unreadable):
        is_top = Path(folder) == directory and not is_split
        subfolders[:] = [
            name for name in subfolders if _may_be_data(name) and not (is_top and split_of(name))
        ]
        yield from (Path(folder, name) for name in names if _may_be_data(name))


def _refuse_unreadable(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise UserError(no_permission(error.filename)) from None
    if error.errno not in _NO_FOLDER:
        raise error


def no_permission(folder: Path | str) -> str:
    """The sentence about a folder that this user may not list or enter."""
    return f"the folder {folder} cannot be read; give yourself permission (`chmod u+rx`) or move it"


def _may_be_data(name: str) -> bool:
    return not (name.startswith(".") or name.endswith(".dvc") or name.lower() in _NOT_DATA)
