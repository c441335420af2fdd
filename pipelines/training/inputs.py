"""What the stages `train` and `tune` begin with, checked before anything starts."""

import logging
from typing import NamedTuple

from pipelines.paths import PARENT_PATH, PREPARED_DIR, RUNS_DIR
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.parent import ParentFile, read_parent_file
from pipelines.training.batches import check_fits_data
from pix2pix.config import Params, cautions
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.models import network_configs
from pix2pix.models.transfer import check_fits

logger = logging.getLogger(__name__)


class Inputs(NamedTuple):
    """The prepared data, the networks to start from, if any, and where the state is kept."""

    manifest: Manifest
    parent: ParentFile | None
    storage: Folder

    @property
    def parent_sha256(self) -> str | None:
        """The hash of the parent's file; None without a parent."""
        return None if self.parent is None else self.parent.sha256


def checked_inputs(params: Params, *, batch_size: int) -> Inputs:
    """Return the inputs in this folder, and log what looks like a mistake in the parameters.

    `batch_size` is the largest that is used. Raises UserError if a file is missing, or if no
    training with these parameters can start on the data or from the parent.
    """
    for caution in cautions(params):
        logger.warning("%s", caution)
    manifest = load_manifest(PREPARED_DIR)
    check_fits_data(params, manifest, batch_size=batch_size)
    parent = read_parent_file(PARENT_PATH, params.train)
    if parent is not None:
        check_fits(parent.parent.networks, *network_configs(params))
    storage = open_folder(params.train.storage_path or str(RUNS_DIR))
    return Inputs(manifest, parent, storage)
