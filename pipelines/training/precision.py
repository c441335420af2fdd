"""The precision of one training: the same on all workers, also after it was continued elsewhere.

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
from pix2pix.training.precision import Choice, choose_precision, cost_of, hardware_of

_FILE = "precision.json"

logger = logging.getLogger(__name__)


def agreed_precision(config: TrainConfig, run: Folder, device: torch.device) -> Choice:
    """The precision of the training in `run`; all its ranks call this and get the same.

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
    cost = cost_of(choice, hardware)
    if cost is not None:
        logger.warning("%s", cost)
    return choice


def recorded_precision(run: Folder) -> Choice | None:
    """The precision of the training in `run`; None if it has not begun."""
    return Choice(**json.loads(run.read(_FILE))) if run.has(_FILE) else None


def with_precision(params: Params, choice: Choice) -> Params:
    """The parameters with that precision in place of `auto`."""
    train = dataclasses.replace(params.train, precision=choice.precision)
    return dataclasses.replace(params, train=train)


def _agree(own: Choice, *, is_known: bool) -> Choice:
    """Rank 0's choice if it is known from before, else float32 where some rank wants that."""
    if world_size() == 1:
        return own
    choices: list[tuple[Choice, bool]] = [(own, is_known)] * world_size()
    distributed.all_gather_object(choices, (own, is_known))
    first, is_known = choices[0]
    if is_known:
        return first
    return next((choice for choice, _ in choices if choice.precision == "float32"), first)
