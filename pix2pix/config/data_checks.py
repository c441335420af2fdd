"""Checks of single parameters of `data`, and of its sizes. Each raises ValueError."""

import os
import re
from pathlib import Path, PurePath

from pix2pix.config.sizes import ImageSize, LoadSize, ScaleRule, height_width, size_text

# Folders that the pipeline replaces, relative to that of params.yaml.
_OUTPUT_DIRS = ("data/raw", "data/prepared", "models", "reports")


def check_sizes(
    image_size: ImageSize,
    *,
    resize: ScaleRule,
    load_size: LoadSize | None,
    target_scale: float | None,
) -> None:
    """Raise ValueError if the sizes contradict each other or the rule of resizing."""
    load, image = load_size, height_width(image_size)
    if resize == "none":
        if load is not None:
            raise ValueError(
                f"load_size ({size_text(load)}) has no meaning with resize: none, which "
                "resizes nothing; set load_size: null"
            )
        if target_scale is None:
            raise ValueError(
                "resize: none keeps pixels as they are, so it must know how large targets are "
                "beside their sources; set side_b.scale, or resize: fit"
            )
        return
    if load is None:
        raise ValueError(f"load_size (null) must be a size with resize: {resize}; set it")
    if resize == "fit":
        if isinstance(load, tuple):
            raise ValueError(
                f"load_size ({size_text(load)}) must be one number with resize: fit, the "
                "length of the shorter side; or set resize: stretch"
            )
        image = (min(image), min(image))
    height, width = height_width(load)
    if height < image[0] or width < image[1]:
        raise ValueError(
            f"load_size ({size_text(load)}) is smaller than image_size "
            f"({size_text(image_size)}), so no crop of that size exists; raise load_size"
        )


def check_has_one_group(pattern: str) -> None:
    """Raise ValueError unless `data.group` is a regular expression with one group."""
    try:
        num_groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"group: {pattern!r} is no regular expression: {error}") from None
    if num_groups != 1:
        raise ValueError(
            f"group: {pattern!r} has {num_groups} groups in parentheses and needs one, as in "
            "(clip\\d+)_; parentheses that only hold together are written (?:...)"
        )


def check_has_key(pattern: str) -> None:
    """Raise ValueError unless `data.pair_pattern` has the groups that it needs."""
    try:
        names = re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"pair_pattern: {pattern!r} is no regular expression: {error}") from None
    if "key" not in names or ("a" in names) != ("b" in names):
        raise ValueError(
            f"pair_pattern: {pattern!r} needs a group named key, as in (?P<key>.+)_(left|right)$, "
            "and either both of the groups a and b or none"
        )


def check_inside(key: str, folder: str) -> None:
    """Raise ValueError for a folder outside of `path`, whose changes DVC would not notice."""
    parts = PurePath(folder).parts
    if not parts or PurePath(folder).is_absolute() or ".." in parts or not folder.isprintable():
        raise ValueError(
            f"{key}: {folder!r} must be a folder inside of path, such as A or images/A"
        )


def check_not_an_output(path: Path) -> None:
    """Raise ValueError if `path` overlaps an output, which DVC removes before it runs a stage."""
    own = Path(os.path.realpath(path))  # see `files.real_path`
    for name in _OUTPUT_DIRS:
        output = Path(name).resolve()
        if own == output or own in output.parents or output in own.parents:
            raise ValueError(
                f"path: {path} overlaps {name}, which the pipeline replaces; keep your pairs in a "
                "folder of their own, such as data/mine"
            )
