"""The project's DVC remote, as another machine needs it, and a folder pulled from it there.

Reading the configuration takes no lock of DVC's, so a stage may do it while `dvc repro` runs it.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dvc.config import Config, ConfigError  # type: ignore[import-untyped]
from dvc.fs import get_fs_config  # type: ignore[import-untyped]

from pix2pix.errors import UserError
from pix2pix.files import write_text

# Options of DVC's remotes that are secrets; a test compares them with DVC's own list of options.
SECRETS = frozenset(
    {
        "access_key_id",
        "account_key",
        "client_secret",
        "connection_string",
        "custom_auth_header",
        "gdrive_client_secret",
        "oss_key_id",
        "oss_key_secret",
        "passphrase",
        "password",
        "sas_token",
        "secret_access_key",
        "session_token",
        "sse_customer_key",
        "token",
    }
)
_QUESTIONS = frozenset({"ask_passphrase", "ask_password"})  # nobody sits at a node to answer
_FOLDER = "pulled"
_NOT_PUSHED = "do not exist neither locally nor on remote"  # DVC's words for a missing listing


@dataclass(frozen=True, kw_only=True, slots=True)
class DvcRemote:
    """A remote without its secrets; a local folder is an absolute path."""

    name: str
    settings: dict[str, str]  # as in DVC's configuration; `url` is one of them

    def __str__(self) -> str:
        return f"the DVC remote `{self.name}` ({self.settings['url']})"


class Pulled(NamedTuple):
    """A folder that was pulled, and the MD5 of each of its files by relative path."""

    folder: Path
    md5s: dict[str, str]


def default_remote(project_dir: Path) -> DvcRemote | None:
    """The remote that `dvc push` in `project_dir` uses, None if there is none.

    It is read by DVC's own rules: from the system's, the user's, the project's and the local
    configuration. Secrets are left out: what travels with a training is also logged and stored.
    A node has credentials of its own (AWS_ACCESS_KEY_ID, a role, or its own DVC configuration for
    a remote of that name). Raises UserError if DVC cannot read its configuration.
    """
    try:
        config = Config(_dvc_dir(project_dir)).read()  # checked, and yet as it is written
        name = config["core"].get("remote")
        if name is None:
            return None
        settings = get_fs_config(config, name=name)
    except ConfigError as error:
        raise UserError(f"DVC's configuration cannot be used: {error}") from error
    kept = {key: str(value) for key, value in settings.items() if key not in SECRETS | _QUESTIONS}
    return DvcRemote(name=name.lower(), settings=kept)


def _dvc_dir(project_dir: Path) -> str | None:
    """The .dvc folder that governs `project_dir`, which may lie deeper in its repository."""
    project_dir = project_dir.resolve()
    found = [folder / ".dvc" for folder in (project_dir, *project_dir.parents)]
    return next((str(folder) for folder in found if folder.is_dir()), None)


def pull_folder(remote: DvcRemote, md5: str, work_dir: Path) -> Pulled:
    """Pull the folder that DVC knows as `md5` (...".dir") to below `work_dir`, which is empty.

    DVC does it, in a repository made for that; it believes its remote, so the content of every
    file is checked here. Raises UserError, with the node, the remote and the remedy, if the
    folder cannot be had or is not what `md5` says.
    """
    _check_that_folder_is_seen(remote)
    _write_repository(work_dir, remote, md5)
    done = _run_dvc_pull(work_dir)
    if done.returncode:
        raise UserError(f"node {platform.node()}: {_failure(done, remote, md5)}")
    pulled = Pulled(work_dir / _FOLDER, _listing(work_dir, md5))
    damaged = {
        name: expected
        for name, expected in pulled.md5s.items()
        if file_md5(pulled.folder / name) != expected
    }
    if damaged or not pulled.md5s:
        raise UserError(f"node {platform.node()}: {_damage(damaged, remote, md5)}")
    shutil.rmtree(work_dir / ".dvc")  # the folder's files are links to what lies there, or copies
    return pulled


def file_md5(path: Path) -> str:
    """MD5 of a file, as DVC computes it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _check_that_folder_is_seen(remote: DvcRemote) -> None:
    """Raise UserError if the remote is a folder of another machine; to DVC it would be empty."""
    url = remote.settings["url"]
    if "://" not in url and not Path(url).is_dir():
        raise UserError(
            f"{remote} is a folder that node {platform.node()} does not see: mount it there, or "
            "choose a remote that every node reaches, such as an s3:// one, and `dvc push` to it"
        )


def _write_repository(work_dir: Path, remote: DvcRemote, md5: str) -> None:
    """What `dvc init --no-scm` and `dvc remote add` would write, and a .dvc file."""
    dvc_dir = work_dir / ".dvc"
    dvc_dir.mkdir()
    with Config(str(dvc_dir), validate=False).edit(validate=False) as config:
        config["core"] = {
            "remote": remote.name,
            "no_scm": "true",
            "analytics": "false",
            "check_update": "false",
        }
        # A node's own settings, a shared cache for one, might leave links to what others delete.
        config["cache"] = {"dir": str(dvc_dir / "cache"), "type": "reflink,hardlink,copy"}
        config["remote"] = {remote.name: remote.settings}
    entry = {"md5": md5, "hash": "md5", "path": _FOLDER}
    write_text(work_dir / f"{_FOLDER}.dvc", json.dumps({"outs": [entry]}))


def _run_dvc_pull(work_dir: Path) -> subprocess.CompletedProcess[str]:
    # DVC's own index of what remotes hold is for all repositories of a machine, and outlives them.
    environment = os.environ | {"DVC_SITE_CACHE_DIR": str(work_dir / ".dvc" / "site")}
    return subprocess.run(
        [sys.executable, "-m", "dvc", "pull"],
        cwd=work_dir,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _failure(done: subprocess.CompletedProcess[str], remote: DvcRemote, md5: str) -> str:
    """What is wrong, in DVC's words where they help, and what to do."""
    if _NOT_PUSHED in done.stderr:
        return f"{remote} does not hold the dataset ({md5}); run `dvc push` where `prepare` ran"
    lines = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines()]
    said = "; ".join(line for line in lines if line and "://error.dvc.org" not in line)
    return (
        f"pulling from {remote} failed: {said}. Check that this node reaches it and has its "
        "credentials in its environment (AWS_ACCESS_KEY_ID, ...): they are not sent. If objects "
        f"are missing there, remove {_object(md5)} from it and run `dvc push` where `prepare` ran"
    )


def _damage(damaged: dict[str, str], remote: DvcRemote, md5: str) -> str:
    # DVC pushes nothing while the list of files is there, whatever became of the files.
    objects = ", ".join(_object(hash_) for hash_ in (md5, *damaged.values()))
    return (
        f"{remote} holds a damaged copy of {', '.join(damaged) or 'the list of files'}. Remove "
        f"{objects} from it, and run `dvc push` where `prepare` ran"
    )


def _listing(work_dir: Path, md5: str) -> dict[str, str]:
    """MD5 by relative path, as the object `md5` lists them; empty if it is not that object."""
    path = work_dir / ".dvc" / "cache" / _object(md5)
    if file_md5(path) != md5.removesuffix(".dir"):
        return {}
    return {item["relpath"]: item["md5"] for item in json.loads(path.read_bytes())}


def _object(md5: str) -> str:
    """Where DVC keeps content, below a cache or a remote."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"
