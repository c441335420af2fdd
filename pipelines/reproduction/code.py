"""The code that a version was trained with, as a revision of the present repository."""

from pathlib import Path

from pipelines.repository.git import Revision, resolve
from pipelines.repository.origin import Origin
from pipelines.repository.patch import patched_tree
from pix2pix.errors import UserError


def code_revision(project_dir: Path, origin: Origin) -> Revision:
    """Return the commit of a training, with its uncommitted changes if there were some.

    Raises UserError if the training has no commit, if the repository does not have it, or if the
    changes were not recorded or do not apply.
    """
    if origin.commit is None:
        raise UserError(
            "it was not trained in a git checkout, so its code is not known and it cannot be "
            "reproduced"
        )
    try:
        clean = resolve(project_dir, origin.commit, include_local_changes=False)
    except UserError:
        raise UserError(
            f"its commit {origin.commit} is not in the repository at {project_dir.resolve()}; run "
            "`git fetch --all --tags` (`git fetch --unshallow` in a shallow clone), or reproduce "
            "it in a clone that has the commit"
        ) from None
    if not origin.is_dirty:
        return clean
    if origin.patch is None:
        raise UserError(
            f"it was trained with uncommitted changes of commit {origin.commit[:12]} that were not "
            "recorded, so its code is not known and it cannot be reproduced"
        )
    tree = patched_tree(project_dir, clean.commit, origin.patch.encode())
    return Revision(commit=clean.commit, tree=tree)
