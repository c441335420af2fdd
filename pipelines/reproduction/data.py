"""The prepared pairs of a version, made again in its workspace or taken from DVC's cache."""

import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipelines.json_files import read_json
from pipelines.paths import PREPARED_DIR, RAW_DIR
from pipelines.processes.shell import Shell
from pipelines.registry.lineage import Lineage
from pipelines.repository.dvc_project import data_files
from pipelines.reproduction.recorded_outputs import take, write_lock
from pipelines.reproduction.stages import run_stage
from pipelines.tracking.description import DataRecord
from pix2pix.config import OWN_SOURCES
from pix2pix.errors import UserError

DATA_STAGES = frozenset({"ingest", "prepare"})

logger = logging.getLogger(__name__)


def bring_data(shell: Shell, lineage: Lineage, params: Mapping[str, Any]) -> str:
    """Make `data/prepared` in the workspace; return in words where it comes from.

    The stage `prepare` runs again on the raw pairs. Where these are not there any more, or are
    others, the prepared arrays come from DVC's cache or remote. Raises UserError if the pairs of
    the training cannot be had.
    """
    recorded = lineage.training.data
    write_lock(shell.folder, lineage.outputs)
    try:
        _prepare_again(shell, params)
        check_data(shell.folder, recorded)
    except UserError as error:
        reason = str(error)
    else:
        return "prepared again from the raw pairs"
    shutil.rmtree(shell.folder / PREPARED_DIR, ignore_errors=True)
    write_lock(shell.folder, lineage.outputs)  # `prepare` may have recorded other pairs
    try:
        take(shell, PREPARED_DIR.as_posix())
    except UserError as error:
        raise UserError(
            f"the pairs with the hash {recorded.data_hash} cannot be had.\nFrom the raw pairs: "
            f"{reason}\nFrom DVC: {error}"
        ) from None
    check_data(shell.folder, recorded)
    logger.warning("the stage prepare could not make the pairs again: %s", reason)
    return f"taken from DVC, because the stage prepare could not make them again: {reason}"


def check_data(project_dir: Path, recorded: DataRecord) -> None:
    """Raise UserError if the prepared pairs are not those that were recorded."""
    manifest = read_json(project_dir / PREPARED_DIR / "manifest.json", made_by="prepare")
    if manifest["data_hash"] == recorded.data_hash:
        return
    others = [
        name
        for name, split in manifest["splits"].items()
        if split["hash"] != recorded.split_hashes.get(name)
    ]
    what = f"the pairs of {', '.join(others)} differ" if others else "sizes or ranges differ"
    raise UserError(
        f"the prepared pairs have the hash {manifest['data_hash']}, but the version was trained on "
        f"pairs with the hash {recorded.data_hash}: {what}"
    )


def _prepare_again(shell: Shell, params: Mapping[str, Any]) -> None:
    """Bring the raw pairs into the workspace and run `prepare`. Raises UserError if that fails."""
    source = params["data"]["source"]
    if source in OWN_SOURCES:
        for added in data_files(shell.folder):
            with suppress(UserError):  # the pairs may be elsewhere; `ingest` says if they are gone
                take(shell, added)
    if source == "archive":  # a download of gigabytes, which DVC has kept
        take(shell, RAW_DIR.as_posix())
    else:
        run_stage(shell, "ingest")
    run_stage(shell, "prepare")
