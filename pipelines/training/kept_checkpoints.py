"""The other good epochs of a finished training, beside the best: `train.keep_best_checkpoints`."""

from collections.abc import Iterator, Sequence

from pipelines.runs.checkpoints import best_checkpoints, read_checkpoint
from pipelines.runs.folder import Folder
from pipelines.runs.history import Record
from pix2pix.config import TrainConfig
from pix2pix.training import Best
from pix2pix.training.selection import scores_by_epoch


def other_kept_epochs(
    checkpoints: Folder, history: Sequence[Record], config: TrainConfig, *, best_epoch: int
) -> Iterator[Best]:
    """Yield the networks of the kept checkpoints, lowest dev L1 first, without the best epoch.

    They are read one by one, because together they may need too much memory. Epochs without a
    checkpoint are left out. Raises OSError if the storage fails.
    """
    dev_l1 = scores_by_epoch(history, config)
    records = {int(record["epoch"]): record for record in history}
    for name in best_checkpoints(checkpoints, dev_l1, at_most=config.keep_best_checkpoints):
        if name.epoch is None or name.epoch == best_epoch:
            continue
        state = read_checkpoint(checkpoints, name)
        yield Best(
            epoch=name.epoch,
            dev={key: records[name.epoch][key] for key in records[name.epoch] if "dev/" in key},
            generator=state["generator"],
            discriminator=state["discriminator"],
        )
