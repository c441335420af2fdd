"""The precision of a training: the same on all workers, and after a change of the hardware.

`precision: auto` depends on the hardware. So the choice is written into the run's folder when a
training begins, and it is kept if the training continues on other hardware: a training must not
change its precision halfway.
"""

import dataclasses
import json
import logging

import torch
from torch import distributed

from pipelines.runs.folder import Folder
from pix2pix.config import Params, TrainConfig
from pix2pix.training.distributed import rank, world_size
from pix2pix.training.computing import Choice, choose_precision, hardware_of, slow_precision_warning

_FILE = "precision.json"

logger = logging.getLogger(__name__)


def agreed_precision(config: TrainConfig, run: Folder, device: torch.device) -> Choice:
    """Return the precision of the training in `run`. All ranks must call this; all get the same.

    A new training computes in bfloat16 if params.yaml asks for it, or if it says `auto` and the
    hardware of every rank is fast at it. Each rank whose hardware is slow at the chosen precision
    warns. Raises OSError.
    """
    hardware = hardware_of(device)
    before = recorded_precision(run) if rank() == 0 else None
    known = before if config.precision == "auto" else None
    own = choose_precision(config.precision, hardware)
    choice = _agree(own if known is None else known, is_known=known is not None)
    if rank() == 0 and choice != before:
        run.write(_FILE, json.dumps(choice._asdict()).encode())
    warning = slow_precision_warning(choice, hardware)
    if warning is not None:
        logger.warning("%s", warning)
    return choice


def recorded_precision(run: Folder) -> Choice | None:
    """Return the precision of the training in `run`; None if it has not begun."""
    return Choice(**json.loads(run.read(_FILE))) if run.has(_FILE) else None


def with_precision(params: Params, choice: Choice) -> Params:
    """Return the parameters with the chosen precision in place of `auto`."""
    train = dataclasses.replace(params.train, precision=choice.precision)
    return dataclasses.replace(params, train=train)


def _agree(own: Choice, *, is_known: bool) -> Choice:
    """Return rank 0's choice if it was recorded, else float32 if one of the ranks wants it."""
    if world_size() == 1:
        return own
    choices: list[tuple[Choice, bool]] = [(own, is_known)] * world_size()
    distributed.all_gather_object(choices, (own, is_known))
    first, is_known = choices[0]
    if is_known:
        return first
    return next((choice for choice, _ in choices if choice.precision == "float32"), first)
