"""The prepared pairs of a version, made again in its workspace or taken from DVC's cache."""

import io
import logging
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipelines.entrypoint import read_json
from pipelines.paths import PREPARED_DIR, RAW_DIR
from pipelines.processes.shell import CommandFailedError, Shell
from pipelines.registry.lineage import Lineage
from pipelines.repository.dvc_lock import LOCK_PATH
from pipelines.repository.dvc_project import data_files, has_remote
from pipelines.reproduction.stages import run_stage
from pipelines.tracking.description import DataRecord
from pix2pix.errors import UserError
from pix2pix.files import write_text

_MAKER = {RAW_DIR: "ingest", PREPARED_DIR: "prepare"}
DATA_STAGES = frozenset(_MAKER.values())

logger = logging.getLogger(__name__)


def bring_data(shell: Shell, lineage: Lineage, params: Mapping[str, Any]) -> str:
    """Make `data/prepared` in the workspace; return in words where it comes from.

    The stage `prepare` runs again on the raw pairs. Where these are not there any more, or are
    others, the prepared arrays come from DVC's cache or remote. Raises UserError if the pairs of
    the training cannot be had.
    """
    recorded = lineage.training.data
    _write_lock(shell.folder, lineage.outputs)
    try:
        _prepare_again(shell, params)
        check_data(shell.folder, recorded)
    except UserError as error:
        reason = str(error)
    else:
        return "prepared again from the raw pairs"
    shutil.rmtree(shell.folder / PREPARED_DIR, ignore_errors=True)
    _write_lock(shell.folder, lineage.outputs)  # `prepare` may have recorded other pairs
    try:
        _take(shell, PREPARED_DIR.as_posix())
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
        f"they give the hash {manifest['data_hash']}, but the version was trained on data with the "
        f"hash {recorded.data_hash}: {what}"
    )


def _prepare_again(shell: Shell, params: Mapping[str, Any]) -> None:
    """Bring the raw pairs into the workspace and run `prepare`. Raises UserError if that fails."""
    source = params["data"]["source"]
    if source == "folder":
        for added in data_files(shell.folder):
            with suppress(UserError):  # the pairs may be elsewhere; `ingest` says if they are gone
                _take(shell, added)
    if source == "archive":  # a download of gigabytes, which DVC has kept
        _take(shell, RAW_DIR.as_posix())
    else:
        run_stage(shell, "ingest")
    run_stage(shell, "prepare")


def _take(shell: Shell, target: str) -> None:
    """Check an output or .dvc file out of DVC's cache, or pull it from the remote if there is one.

    Raises UserError with DVC's reasons if neither has it.
    """
    commands = [["checkout", "--force", target]]
    if has_remote(shell.folder):
        commands.append(["pull", "--force", target])
    reasons = []
    for command in commands:
        try:
            shell.run(command[0], [sys.executable, "-m", "dvc", *command], say=logger.debug)
        except CommandFailedError as error:
            reasons.append(error.output)
            continue
        if (shell.folder / target.removesuffix(".dvc")).exists():
            return  # without a recorded MD5, DVC only warns
    where = "in the cache nor in the remote" if commands[1:] else "in the cache nor is a remote set"
    raise UserError(
        f"{target} is neither {where}; `dvc push` where the version was trained puts it into "
        f"the remote ({'; '.join(reasons) or 'its MD5 was not recorded'})"
    )


def _write_lock(project_dir: Path, outputs: Mapping[str, str]) -> None:
    """Write a dvc.lock with the recorded hashes, by which DVC finds the data in cache or remote.

    The one in the commit belongs to an earlier training: a training is committed when it has ended.
    """
    stages = {
        stage: {
            "cmd": "recorded",
            "outs": [{"path": path.as_posix(), "hash": "md5", "md5": outputs[path.as_posix()]}],
        }
        for path, stage in _MAKER.items()
        if path.as_posix() in outputs
    }
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False  # DVC adds to the file in the style that it finds
    yaml.dump({"schema": "2.0", "stages": stages}, text)
    write_text(project_dir / LOCK_PATH, text.getvalue())
