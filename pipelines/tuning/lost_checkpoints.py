"""Puts a later checkpoint of a trial in the place of one that no longer exists.

Ray Tune deletes all but the last checkpoints of a trial, and saves its own state every few seconds.
If it is killed after a deletion and before its state is saved, the saved state names a checkpoint
that does not exist, and `Tuner.restore` would give up a trial to which nothing happened.
"""

from ray import tune

from pipelines.runs.folder import Folder
from pipelines.tuning.trial_training import CHECKPOINT_FILE

EPOCH = "epoch"  # in the metadata of a checkpoint: the last epoch that Ray Tune knows of


def replace_lost_checkpoints(results: tune.ResultGrid) -> None:
    """Replace the checkpoints that the state of an experiment names and its folder lacks.

    The oldest later one takes the place of each. It has more epochs than Ray Tune knows of. The
    trial reports these again, because the metadata keeps the epoch of the lost checkpoint.
    """
    for result in (results[index] for index in range(len(results))):
        for checkpoint, metrics in result.best_checkpoints or []:
            lost = Folder(checkpoint.filesystem, checkpoint.path)
            if not lost.has(CHECKPOINT_FILE):
                _replace(lost, epoch=metrics[EPOCH])


def _replace(lost: Folder, *, epoch: int) -> None:
    path, _, lost_name = lost.path.rpartition("/")
    trial = lost._replace(path=path)
    later = [
        name
        for name in trial.names()
        if name.startswith("checkpoint_")
        and name > lost_name
        and (trial / name).has(CHECKPOINT_FILE)
    ]
    if not later:
        return  # Ray Tune says which one it cannot find
    source = trial / min(later)
    lost.filesystem.create_dir(lost.path)
    metadata = tune.Checkpoint(source.path, source.filesystem).get_metadata() | {EPOCH: epoch}
    tune.Checkpoint(lost.path, lost.filesystem).set_metadata(metadata)
    # The last file: if this process is killed before, the checkpoint counts as lost again.
    lost.filesystem.copy_file(f"{source.path}/{CHECKPOINT_FILE}", f"{lost.path}/{CHECKPOINT_FILE}")
