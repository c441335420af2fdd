"""The recorded outputs of the stages before a training, taken from DVC's cache or remote."""

import io
import logging
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

from pipelines.paths import PARENT_PATH, PREPARED_DIR, RAW_DIR
from pipelines.processes.shell import CommandFailedError, Shell
from pipelines.repository.dvc_lock import LOCK_PATH
from pipelines.repository.dvc_project import has_remote
from pix2pix.errors import UserError
from pix2pix.files import write_text

_STAGES = {RAW_DIR: "ingest", PREPARED_DIR: "prepare", PARENT_PATH: "parent"}  # by their output

logger = logging.getLogger(__name__)


def take(shell: Shell, target: str) -> None:
    """Check an output or .dvc file out of DVC's cache, or pull it from the remote if there is one.

    Raises UserError with DVC's reasons if neither has it.
    """
    commands = [["checkout", "--force", target]]
    if has_remote(shell.folder):
        commands.append(["pull", "--force", target])
    reasons = []
    for command in commands:
        try:
            shell.run_module(command[0], "dvc", *command, say=logger.debug)
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


def write_lock(project_dir: Path, outputs: Mapping[str, str]) -> None:
    """Write a dvc.lock with the recorded hashes, by which DVC finds the data in cache or remote.

    The one in the commit belongs to an earlier training: a training is committed when it has ended.
    """
    stages = {
        stage: {
            "cmd": "recorded",
            "outs": [{"path": path.as_posix(), "hash": "md5", "md5": outputs[path.as_posix()]}],
        }
        for path, stage in _STAGES.items()
        if path.as_posix() in outputs
    }
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False  # DVC adds to the file in the style that it finds
    yaml.dump({"schema": "2.0", "stages": stages}, text)
    write_text(project_dir / LOCK_PATH, text.getvalue())
