"""Calls of git: find a revision with or without local changes, check it out, publish refs."""

import os
import re
import subprocess
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pix2pix.errors import UserError

_EXPERIMENTS = "refs/exps"
_RUNNING = "refs/exps/exec/"  # DVC needs these refs only while it works
_UNTRACKED = ("--others", "--exclude-standard")
_MAX_NEW_BYTES = 16 * 2**20  # of files that git does not know yet

# Set inside git's hooks; they would point at another checkout or index than the folder's.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")

# Of a remote: https://user@host/path.git, ssh://git@host:22/path.git or git@host:path.git
_REMOTE = re.compile(
    r"(?:(?:https?|ssh)://(?:[^/@]+@)?(?P<host>[^/:]+)(?::\d+)?/|[^/@:]+@(?P<scp_host>[^/:]+):)"
    r"(?P<path>[^?#]+?)(?:\.git)?/?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A commit, and the tree whose files are checked out: the commit's, or a changed one."""

    commit: str
    tree: str


def git(folder: Path, *arguments: str, **variables: str) -> str:
    """Run git in `folder` and return its output. Raises UserError with the message of git."""
    environment = {key: value for key, value in os.environ.items() if key not in _HOOK_VARIABLES}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",  # a file name may be no valid text
            check=False,
            env=environment | variables,
        )
    except FileNotFoundError:
        raise UserError("git is not installed, or not on the PATH") from None
    if done.returncode:
        raise UserError(f"git {arguments[0]} in {folder}: {done.stderr.strip()}")
    return done.stdout.strip("\n")


def web_address(remote: str) -> str | None:
    """Return the address of a remote repository for a browser, without user and password.

    It is None if the remote is a folder or of an unknown form.

    >>> web_address("git@example.org:team/project.git")
    'https://example.org/team/project'
    """
    match = _REMOTE.fullmatch(remote)
    return match and f"https://{match['host'] or match['scp_host']}/{match['path']}"


def origin_url(folder: Path) -> str | None:
    """Return the URL of the remote "origin"; None if there is none."""
    try:
        return git(folder, "remote", "get-url", "origin")
    except UserError:
        return None


def resolve(project_dir: Path, name: str, *, include_local_changes: bool) -> Revision:
    """Return the revision `name`, on request with changed and new files of the working copy.

    Ignored files are left out. Raises UserError if there is no such revision, if local changes are
    requested with a revision that is not the working copy's HEAD, or if new files are too large.
    """
    try:
        commit = git(project_dir, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    except UserError as error:
        remedy = (
            "a new project needs `git init` and a first commit"
            if name == "HEAD"
            else "name a commit, branch or tag that it has; `git fetch` brings those of a remote"
        )
        raise UserError(
            f"revision {name!r} is no commit of the git repository at {project_dir}; {remedy} "
            f"({error})"
        ) from None
    if not include_local_changes:
        return Revision(commit=commit, tree=git(project_dir, "rev-parse", f"{commit}^{{tree}}"))
    if commit != git(project_dir, "rev-parse", "HEAD"):
        raise UserError(
            f"include_local_changes: changes in {project_dir} belong to its HEAD, not to {name!r}"
        )
    return Revision(commit=commit, tree=_tree_of_working_copy(project_dir))


def _tree_of_working_copy(project_dir: Path) -> str:
    """Return a tree object of all files as they are now; the user's index is not changed."""
    root = Path(git(project_dir, "rev-parse", "--show-toplevel"))
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}
        git(root, "read-tree", "HEAD", **index)
        _check_new_files(root, git(root, "ls-files", "-z", *_UNTRACKED, **index).split("\0")[:-1])
        git(root, "add", "--all", **index)
        return git(root, "write-tree", **index)


def _check_new_files(root: Path, names: list[str]) -> None:
    """Raise UserError if files that git does not know are too large to be code.

    Git would read every byte of them and keep them in its store.
    """
    sizes: Counter[str] = Counter()
    for name in names:
        if name.endswith("/"):
            raise UserError(
                f"include_local_changes: {root / name} is a git repository of its own, whose files "
                "cannot be included; name it in .gitignore"
            )
        with suppress(FileNotFoundError):  # removed since git listed it
            *folders, file = name.split("/")
            sizes["/".join(folders[:2]) or file] += (root / name).lstat().st_size
    if sizes.total() > _MAX_NEW_BYTES:
        [(largest, size)] = sizes.most_common(1)
        raise UserError(
            f"include_local_changes: new files that git does not know have "
            f"{_mib(sizes.total())} MiB, {_mib(size)} of them {root / largest}; up to "
            f"{_mib(_MAX_NEW_BYTES)} MiB of code can be included. Name data in .gitignore, or "
            f"have DVC keep it: `dvc add {largest}`, and commit the .dvc file"
        )


def _mib(num_bytes: int) -> int:
    return -(-num_bytes // 2**20)


def folder_in_repository(project_dir: Path) -> Path:
    """Return the path of `project_dir` relative to the root of its repository."""
    return Path(git(project_dir, "rev-parse", "--show-prefix"))


def check_out(project_dir: Path, revision: Revision, folder: Path) -> None:
    """Clone the repository of `project_dir` to `folder` at `revision`.

    The clone has hard links to the objects of the repository. Its remote "origin" has the URL of
    that repository's own origin, if this has an address for a browser, so that a run's note links
    to its commit; what is pushed to it arrives in the repository of `project_dir`.
    """
    root = git(project_dir, "rev-parse", "--show-toplevel")
    git(project_dir, "clone", "--quiet", "--local", "--no-checkout", root, str(folder))
    if (url := origin_url(project_dir)) is not None and web_address(url) is not None:
        git(folder, "config", "remote.origin.pushurl", root)
        git(folder, "config", "remote.origin.url", url)
    git(folder, "checkout", "--quiet", "--detach", revision.commit)
    git(folder, "read-tree", "--reset", "-u", revision.tree)
    for key, value in (("user.name", "pix2pix pipeline"), ("user.email", "pix2pix@localhost")):
        if not _has_setting(folder, key):
            git(folder, "config", key, value)


def _has_setting(folder: Path, key: str) -> bool:
    try:
        return bool(git(folder, "config", "--get", key))
    except UserError:
        return False


def publish_experiment(workspace_dir: Path, name: str) -> str:
    """Push the DVC experiment `name` to the repository that was cloned, and return its commit."""
    refs = git(workspace_dir, "for-each-ref", "--format=%(refname)", _EXPERIMENTS).splitlines()
    ref = next(ref for ref in refs if ref.endswith(f"/{name}") and not ref.startswith(_RUNNING))
    git(workspace_dir, "push", "--quiet", "--force", "origin", f"{ref}:{ref}")
    return git(workspace_dir, "rev-parse", ref)
