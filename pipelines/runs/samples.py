"""The sample grids of a training: one PNG file for each epoch that has one, in one folder."""

import re

from pipelines.runs.folder import Folder

_NAME = re.compile(r"epoch_(\d+)\.png")


def sample_name(epoch: int) -> str:
    """Return the name of the file of an epoch's sample grid."""
    return f"epoch_{epoch:04d}.png"


def sample_names(folder: Folder) -> dict[int, str]:
    """Return the names of the files in `folder`, by epoch. Raises OSError."""
    matches = map(_NAME.fullmatch, folder.names())
    return dict(sorted((int(match[1]), match[0]) for match in matches if match))
