"""The origin of a run: its commit and its packages."""

import logging
import platform
from dataclasses import dataclass
from importlib.metadata import distributions, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from pipelines.repository.git import git, origin_url, web_address
from pipelines.repository.patch import uncommitted_code
from pix2pix.errors import UserError

DISTRIBUTION = "pix2pix-pipeline"

_MAX_PATCH_BYTES = 4 * 2**20  # far above a patch of code

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The code and the packages of a training. All fields can be written as JSON."""

    commit: str | None  # None outside a git checkout
    is_dirty: bool  # the code differs from the commit, see `patch.uncommitted_code`
    python: str
    torch: str  # with the local label if there is one (2.11.0+cpu)
    packages: str  # all installed packages, as the text of a requirements file
    web: str | None = None  # address of the repository for a browser; None if it has none
    patch: str | None = None  # from the commit to the code; None if it was not recorded


def origin(project_dir: Path) -> Origin:
    """Return the origin of a training that is started now in `project_dir`.

    Warns if there is a repository of which git gives no commit.
    """
    try:
        commit = git(project_dir, "rev-parse", "--verify", "HEAD")
        changes = uncommitted_code(project_dir)
    except UserError as error:  # no git, no checkout, no commit yet, or another user's checkout
        commit, changes = None, b""
        folder = project_dir.resolve()
        if any((each / ".git").exists() for each in (folder, *folder.parents)):
            logger.warning(
                "this training is recorded without its commit, and `pix2pix reproduce` will not be "
                "able to rebuild it: %s",
                error,
            )
    url = origin_url(project_dir)
    return Origin(
        commit=commit,
        is_dirty=bool(changes),
        python=platform.python_version(),
        torch=version("torch"),
        packages=installed_packages(),
        web=None if url is None else web_address(url),
        patch=_as_text(changes),
    )


def _as_text(patch: bytes) -> str | None:
    """Return a patch as text; None, with a warning, if it is no text or too large to be code."""
    try:
        if len(patch) <= _MAX_PATCH_BYTES:
            return patch.decode()
        reason = f"have {len(patch) / 2**20:.1f} MiB as a patch"
    except UnicodeDecodeError:
        reason = "are in files that are no UTF-8 text"
    logger.warning(
        "the uncommitted changes of the code %s and are not recorded: `pix2pix reproduce` will not "
        "be able to rebuild this training; commit them first",
        reason,
    )
    return None


def installed_packages() -> str:
    """Return all installed distributions as sorted lines `name==version`."""
    installed = {(item.metadata["Name"], item.version) for item in distributions()}
    lines = sorted((f"{name}=={number}" for name, number in installed), key=str.lower)
    return "\n".join(lines) + "\n"


def pinned_dependencies() -> list[str]:
    """Return what this project needs without extras, pinned to the installed versions."""
    pins = []
    for line in requires(DISTRIBUTION) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            pins.append(f"{requirement.name}{extras}=={installed_version(requirement.name)}")
    return sorted(pins, key=str.lower)


def installed_version(distribution: str) -> str:
    """Return the version of an installed distribution, as registries name it.

    A local label (the last part of `2.11.0+cpu`) is left out, because registries do not have it.
    """
    return Version(version(distribution)).public
