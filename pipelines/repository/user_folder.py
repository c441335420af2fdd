"""Parameters for a folder of the user's images: `pix2pix use PRESET --data DIR`."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import assert_never

from pipelines.repository.params_file import PARAMS_FILE, Changes, override_text
from pipelines.repository.presets import complete_preset, put_in_force
from pix2pix.config import DataConfig, load_params, parse_params
from pix2pix.config.yaml_file import parse_yaml
from pix2pix.errors import UserError
from pix2pix.images.names import printable
from pix2pix.preparation.checks import inspect_pairs
from pix2pix.preparation.folders import holds_images, own_folders
from pix2pix.preparation.inspection import Inspected
from pix2pix.preparation.offences import OffenceKind
from pix2pix.preparation.pair_files import PairFiles
from pix2pix.preparation.pairs import refuse_no_folder
from pix2pix.preparation.quick_checks import check_names, refuse_offences
from pix2pix.preparation.sides import are_narrow_halves

_NAMES_PARAMETERS = re.compile(r"\bdata\.|\bset\b|channels|value_range|num_labels")
_NEED_ALL: Collection[OffenceKind] = ("narrow_range", "crop_too_large")  # few files may mislead
_NUM_LOOKED_AT = 12  # pairs of which the pixels are read; the stage prepare reads all
_NAME_CHARACTERS = 60  # of the folder in the name of the data set


def use_preset_for(preset: str, data_dir: Path, project_dir: Path = Path()) -> Changes | None:
    """Write a preset to the project's params.yaml, with the images of `data_dir` as data.

    The data set is named after both. Pairs may lie in the folders A and B, or side by side in each
    file. The names of all files are checked, and the pixels of a few; the stage `prepare` checks
    the rest. Returns what `put_in_force` returns. Raises UserError if there is no such preset or
    the folder does not have what it needs, or StorageError; then params.yaml stays as it is.
    """
    text, root = complete_preset(preset, project_dir), project_dir / data_dir
    refuse_no_folder(root, named_by="--data")
    data = {
        "name": _data_name(preset.rpartition("/")[2], root),
        "source": "folder",
        "path": str(data_dir),
        **_layout(root, _data_config(text)),
    }
    changed = override_text(text, {"data": data}, name=PARAMS_FILE)
    config = _data_config(changed)
    try:
        _check(root, config)
    except UserError as error:
        raise UserError(f"{error}{_how_to_set(str(error), preset, data_dir)}") from None
    return put_in_force(changed, project_dir)


def where_data_belongs(preset: str) -> str | None:
    """Where the user's images belong by params.yaml; None if the folder exists or none is needed.

    `preset` is the name of the preset that params.yaml holds.
    """
    config = load_params().data
    if config.source != "folder" or Path(config.path).exists():
        return None
    other = "another folder"
    match config.layout:
        case "photos":
            what = "photos"
        case "side_by_side":
            what = "files, each with side A on the left and side B on the right,"
            other += ", also one with the sides in folders A and B"
        case "two_folders":
            what = f"folders {config.folder_a} and {config.folder_b}"
        case _:
            assert_never(config.layout)
    return f"put your {what} into {config.path}; for {other}: pix2pix use {preset} --data DIR"


def _how_to_set(message: str, preset: str, data_dir: Path) -> str:
    """How the parameters that a message names are set, as params.yaml has not been written."""
    if not _NAMES_PARAMETERS.search(message):
        return ""
    end = "\n" if "\n" in message else ". "
    return (
        f"{end}To set parameters for this folder, run `pix2pix use {preset}` without --data, then "
        f"set data.source: folder, data.path: {data_dir} and the others in params.yaml"
    )


def _data_config(text: str) -> DataConfig:
    return parse_params(parse_yaml(text, source=PARAMS_FILE)).data


def _data_name(preset: str, root: Path) -> str:
    folder = re.sub(r"[^A-Za-z0-9_.-]+", "-", root.resolve().name).strip("-.")[:_NAME_CHARACTERS]
    return f"{preset}-{folder}" if folder else preset


def _layout(root: Path, config: DataConfig) -> dict[str, str]:
    """The layout of the folder, and the names of the sides' folders there."""
    if config.layout == "photos":
        return {"layout": config.layout}
    there = own_folders(root)
    sides = {
        "folder_a": _as_named(config.folder_a, there),
        "folder_b": _as_named(config.folder_b, there),
    }
    if any(holds_images(root, folder) for folder in sides.values()):
        return {"layout": "two_folders", **sides}
    return {"layout": "side_by_side"}


def _as_named(folder: str, there: Sequence[str]) -> str:
    """The name that a folder has, if it differs in upper and lower case alone."""
    alike = [name for name in there if name.casefold() == folder.casefold()]
    return alike[0] if alike and folder not in alike else folder


def _check(root: Path, config: DataConfig) -> None:
    """Raise UserError for what the stage `prepare` would stop at in the names and a few files."""
    pairs = check_names(root, config).pairs
    looked_at = pairs[:: -(-len(pairs) // _NUM_LOOKED_AT)]
    seen = inspect_pairs(looked_at, config, root=root)
    is_sample = len(looked_at) < len(pairs)
    offences = [each for each in seen.offences if not (is_sample and each.kind in _NEED_ALL)]
    if config.layout == "side_by_side" and all(each.pair_ids for each in offences):
        _check_halves(root, seen.decoded, pairs)
    sample = f" in {len(looked_at)} of {len(pairs)} pairs, the only ones that were looked at"
    refuse_offences(
        root,
        offences,
        config,
        num_sound=len(seen.sound),
        looked_at=sample if is_sample else "",
    )


def _check_halves(root: Path, seen: Sequence[Inspected], pairs: Sequence[PairFiles]) -> None:
    """Raise UserError if the files have the shape of single photos, not of two side by side."""
    if not seen or not are_narrow_halves(seen):
        return
    height, width = seen[0].size
    raise UserError(
        f"{printable(root)}: this task needs both sides of each pair, but files such as "
        f"{printable(pairs[0].path_a.relative_to(root))} ({2 * width}x{height} px) look like one "
        f"image each, not like two side by side: put the sides into {printable(root / 'A')} and "
        f"{printable(root / 'B')}, with equal names; if each file does show both sides, set "
        "data.layout: side_by_side"
    )
