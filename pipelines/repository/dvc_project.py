"""What DVC records of a project: its stages in order, its cache, its remotes.

Other modules run commands of DVC as processes. This one only reads DVC's files, without a lock.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dvc.config import Config, ConfigError, merge  # type: ignore[import-untyped]
from dvc.exceptions import DvcException  # type: ignore[import-untyped]
from dvc.repo import Repo  # type: ignore[import-untyped]
from dvc.repo.reproduce import get_active_graph, plan_repro  # type: ignore[import-untyped]

from pix2pix.errors import UserError

_LINKS = "reflink,hardlink,symlink,copy"  # the first that the file systems allow


def stages_up_to(project_dir: Path, targets: Sequence[str]) -> list[str]:
    """Return the names of `targets` and of all stages that they need, in the order of `dvc repro`.

    Without targets, all stages are returned. Raises UserError if a target or dvc.yaml is wrong.
    """
    try:
        with Repo(str(project_dir)) as repo:
            wanted = {stage.name for name in targets for stage in repo.stage.collect(name)}
            # Imported and added data are stages to DVC as well, without a name or a command.
            graph = get_active_graph(repo.index.graph)
            nodes = [stage for stage in graph if not stage.is_data_source and stage.name in wanted]
            planned = plan_repro(graph, nodes) if targets else plan_repro(graph)
            return [stage.name for stage in planned if not stage.is_data_source]
    except DvcException as error:
        raise UserError(f"{project_dir / 'dvc.yaml'}: {error}") from None


def data_files(project_dir: Path, *, only_imports: bool = False) -> list[str]:
    """Return the .dvc files of added and imported data, or only those of imported data."""
    with Repo(str(project_dir)) as repo:
        return [
            _data_file(repo, stage)
            for stage in repo.index.stages
            if stage.is_data_source and (stage.is_import or not only_imports)
        ]


def known_outputs(project_dir: Path) -> list[str]:
    """Return the stages and .dvc files whose outputs DVC has recorded; others cause a warning."""
    with Repo(str(project_dir)) as repo:
        return [
            _data_file(repo, stage) if stage.is_data_source else stage.name
            for stage in repo.index.stages
            if any(out.hash_info for out in stage.outs)
        ]


def _data_file(repo: Any, stage: Any) -> str:
    return Path(stage.path).relative_to(repo.root_dir).as_posix()


def has_remote(project_dir: Path) -> bool:
    """Return whether `dvc push` in the project has a default remote, wherever it is configured."""
    return _config(project_dir)["core"].get("remote") is not None


def remote_address(project_dir: Path) -> str | None:
    """Return the URL or the folder of the default remote; None if there is none."""
    config = _config(project_dir)
    remote = config["remote"].get(config["core"].get("remote"), {})
    return None if "url" not in remote else str(remote["url"])


def share_cache(project_dir: Path, workspace_dir: Path) -> None:
    """Give the checkout `workspace_dir` the cache, remotes and credentials of `project_dir`.

    They are written to its local configuration, which is never committed, with absolute paths.
    Data is linked from the cache unless somebody has configured otherwise: DVC would copy it where
    the file system has no reflinks, for every workspace. A stage never writes to what it reads, and
    DVC replaces the links of outputs by copies before the stage that writes them runs.
    What the user and the machine have configured applies in each checkout anyway. DVC's own
    records about the files of the checkout are kept in the checkout. Raises UserError if DVC cannot
    read the configuration.
    """
    config = _config(project_dir)
    settings: dict[str, Any] = config.load_one("repo")
    merge(settings, config.load_one("local"))
    if "dir" not in config["cache"]:
        settings["cache"]["dir"] = str(project_dir.resolve() / ".dvc" / "cache")
    if "type" not in config["cache"]:
        settings["cache"]["type"] = _LINKS
    settings["core"]["site_cache_dir"] = str(workspace_dir.resolve() / ".dvc" / "tmp" / "site")
    with Config(str(workspace_dir / ".dvc"), validate=False).edit("local") as local:
        merge(local, _with_absolute_paths(settings))
    (workspace_dir / ".dvc" / "config.local").chmod(0o600)  # it may contain credentials


def _config(project_dir: Path) -> Config:
    """Return what DVC goes by in the project: its own settings before the user's and machine's."""
    try:
        return Config(str(project_dir / ".dvc"), validate=False)
    except ConfigError as error:
        raise UserError(f"DVC's configuration cannot be used: {error}") from None


def _with_absolute_paths(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as plain text: DVC would make paths of its own types relative again."""
    return {
        key: _with_absolute_paths(value) if isinstance(value, dict) else _as_plain_text(value)
        for key, value in settings.items()
    }


def _as_plain_text(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
