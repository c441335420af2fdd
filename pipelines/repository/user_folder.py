"""Parameters for a folder of the user's images: `pix2pix use PRESET --data DIR`."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipelines.repository.params_file import PARAMS_FILE, Changes, override_text
from pipelines.repository.presets import complete_preset, put_in_force
from pix2pix.config import DataConfig, parse_params
from pix2pix.config.yaml_file import parse_yaml
from pix2pix.errors import UserError
from pix2pix.images.names import printable
from pix2pix.preparation.folders import holds_images
from pix2pix.preparation.inspection import Inspected, inspect_pair
from pix2pix.preparation.offences import REMEDIES
from pix2pix.preparation.pair_files import PairFiles
from pix2pix.preparation.pairs import find_pairs, refuse_no_folder
from pix2pix.preparation.sides import wrong_sides

_NUM_LOOKED_AT = 12  # pairs of which the pixels are read; the stage prepare reads all
_NAME_CHARACTERS = 60  # of the folder in the name of the data set
_NARROW = 0.75  # halves of files A|B that are narrower than this share of their height are doubted


def use_preset_for(preset: str, data_dir: Path, project_dir: Path = Path()) -> Changes | None:
    """Write a preset to the project's params.yaml, with the images of `data_dir` as data.

    The data set is named after both. Pairs may lie in the folders A and B, or side by side in each
    file. The names of all files are checked, and the pixels of a few; the stage `prepare` checks
    the rest. Returns what `put_in_force` returns. Raises UserError if there is no such preset or
    the folder does not have what it needs, or StorageError; then params.yaml stays as it is.
    """
    text, root = complete_preset(preset, project_dir), project_dir / data_dir
    data = {
        "name": _data_name(preset.rpartition("/")[2], root),
        "source": "folder",
        "path": str(data_dir),
        "layout": _layout(root, _data_config(text)),
    }
    changed = override_text(text, {"data": data}, name=PARAMS_FILE)
    _check(root, _data_config(changed))
    return put_in_force(changed, project_dir)


def _data_config(text: str) -> DataConfig:
    return parse_params(parse_yaml(text, source=PARAMS_FILE)).data


def _data_name(preset: str, root: Path) -> str:
    folder = re.sub(r"[^A-Za-z0-9_.-]+", "-", root.resolve().name).strip("-.")[:_NAME_CHARACTERS]
    return f"{preset}-{folder}" if folder else preset


def _layout(root: Path, config: DataConfig) -> str:
    if config.layout == "photos":
        return config.layout
    refuse_no_folder(root)
    has_folder = any(holds_images(root, side) for side in (config.folder_a, config.folder_b))
    return "two_folders" if has_folder else "side_by_side"


def _check(root: Path, config: DataConfig) -> None:
    discovery = find_pairs(root, config)
    if not discovery.pairs:
        first = discovery.offences[0]
        raise UserError(f"{printable(root)} holds no pair: {first}; {REMEDIES[first.kind]}")
    step = -(-len(discovery.pairs) // _NUM_LOOKED_AT)
    seen = [inspect_pair(files, root=root, config=config) for files in discovery.pairs[::step]]
    readable = [each for each in seen if isinstance(each, Inspected)]
    if not readable:
        first = seen[0].offences[0]
        raise UserError(f"{printable(root)}: {first}; {REMEDIES[first.kind]}")
    for offence in wrong_sides(readable, config):
        raise UserError(f"{printable(root)}: {offence}; {REMEDIES[offence.kind]}")
    if config.layout == "side_by_side":
        _check_halves(root, readable, discovery.pairs)


def _check_halves(root: Path, seen: Sequence[Inspected], pairs: Sequence[PairFiles]) -> None:
    """Raise UserError if the files are hardly wide enough to show two images side by side."""
    if any(each.size[1] >= _NARROW * each.size[0] for each in seen):
        return
    height, width = seen[0].size
    raise UserError(
        f"{printable(root)}: this task needs both sides of each pair, but files such as "
        f"{printable(pairs[0].path_a.relative_to(root))} ({2 * width}x{height} px) look like one "
        f"image each, not like two side by side: put the sides into {printable(root / 'A')} and "
        f"{printable(root / 'B')}, with equal names"
    )
