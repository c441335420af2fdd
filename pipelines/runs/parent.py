"""The networks that a training starts from, as its workers get them: through the run's folder.

The driver copies them there once, when the training begins. So all workers read the same bytes, on
every node and after every interruption, whatever has happened to the original meanwhile.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

from pipelines.runs.folder import Folder
from pix2pix.config import TrainConfig
from pix2pix.errors import UserError
from pix2pix.parent import Parent, from_bytes

_FILE = "parent.safetensors"


class ParentFile(NamedTuple):
    """The parent of a training, as the stage `parent` has written it, and the hash of its file."""

    path: Path
    parent: Parent
    sha256: str


def read_parent_file(path: Path, config: TrainConfig) -> ParentFile | None:
    """Return the parent in the file; None if the training starts from new networks.

    Raises UserError if the file is missing, damaged, or of another parent than `config` names.
    """
    if config.init_from is None:
        return None
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro parent` or `dvc pull`")
    data = path.read_bytes()
    parent = from_bytes(data, name=str(path))
    if (parent.reference, parent.which) != (config.init_from, config.init_networks):
        raise UserError(
            f"{path} holds {parent.which} of {parent.reference}, but params.yaml says "
            f"init_from: {config.init_from}, init_networks: {config.init_networks}; run `dvc repro`"
        )
    return ParentFile(path, parent, hashlib.sha256(data).hexdigest())


def publish_parent(file: ParentFile, folder: Folder) -> None:
    """Copy the parent's file into the folder of a run, unless it is there as a whole.

    Raises OSError.
    """
    if not folder.has(_FILE) or folder.sha256(_FILE).hexdigest() != file.sha256:
        folder.copy_in(file.path, _FILE)


def published_parent(folder: Folder) -> Parent:
    """Return the parent in the folder of a run. Raises OSError, and UserError if it is damaged."""
    return from_bytes(folder.read(_FILE), name=str(folder / _FILE))
