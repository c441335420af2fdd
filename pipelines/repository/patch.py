"""The difference between a commit and the code in the working copy, as a patch of git.

A training that ran with uncommitted code records the patch, so that `pix2pix reproduce` can make
the same code again from the commit.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.repository.git import git
from pix2pix.errors import UserError

# The files that the pipeline itself writes, and the parameters, which every run records in full. If
# they counted, almost every run would count as changed.
NOT_CODE = ("dvc.lock", "params.yaml", "data", "models", "reports")
_PACKAGES = ("pix2pix", "pipelines")  # new files in them are code before git knows them

# The same patch whatever the user's settings of git are.
_PLAIN = (
    *("--binary", "--full-index", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)


def uncommitted_code(project_dir: Path) -> bytes:
    """Return the patch from HEAD to the code in the folder; empty if the code is that of HEAD.

    It covers tracked files, apart from `NOT_CODE`, and new files in the project's packages. Raises
    UserError without git, outside a checkout and before the first commit.
    """
    excluded = [f":(exclude){path}" for path in NOT_CODE]
    with _copied_index(project_dir) as index, tempfile.TemporaryDirectory() as scratch:
        new = git(project_dir, "ls-files", "-z", "--others", "--exclude-standard", *_PACKAGES)
        if new:
            names = new.split("\0")[:-1]
            git(project_dir, "add", "--intent-to-add", "--", *names, GIT_INDEX_FILE=str(index))
        # Through a file: as text, the line ends and characters of other files would be altered.
        patch = Path(scratch, "patch")
        options = [*_PLAIN, f"--output={patch}", "--", ".", *excluded]
        git(project_dir, "diff", "HEAD", *options, GIT_INDEX_FILE=str(index))
        return patch.read_bytes()


def patched_tree(project_dir: Path, commit: str, patch: bytes) -> str:
    """Return the tree of a commit with the patch applied; no file and no index is changed.

    Raises UserError if the patch does not apply to the commit.
    """
    root = Path(git(project_dir, "rev-parse", "--show-toplevel"))
    with tempfile.TemporaryDirectory() as scratch:
        index, path = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}, Path(scratch, "patch")
        path.write_bytes(patch)
        git(root, "read-tree", commit, **index)
        try:
            git(root, "apply", "--cached", "--whitespace=nowarn", str(path), **index)
        except UserError as error:
            raise UserError(
                f"the recorded patch does not apply to commit {commit[:12]}: {error}"
            ) from None
        return git(root, "write-tree", **index)


@contextmanager
def _copied_index(project_dir: Path) -> Iterator[Path]:
    """Yield a copy of the index, which may be changed."""
    index = project_dir / git(project_dir, "rev-parse", "--git-path", "index")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "index")
        if index.is_file():
            # With its time: git compares the content of files that are not older than the index,
            # because a change within the same second, of the same size, shows in nothing else.
            shutil.copy2(index, copy)
        else:
            git(project_dir, "read-tree", "HEAD", GIT_INDEX_FILE=str(copy))
        yield copy


def changed_files(patch: str) -> list[str]:
    """Return the names of the files that a patch of `uncommitted_code` changes."""
    return [
        line.rpartition(" b/")[2].rstrip('"')
        for line in patch.splitlines()
        if line.startswith("diff --git ")
    ]
