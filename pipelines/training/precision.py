"""The precision of one training: the same on all its workers, and wherever it goes on.

What `precision: auto` takes depends on the hardware, so the choice is written into the run's folder
when a training begins. It stays what it was if the training goes on elsewhere: half a training in
another type would be neither the one nor the other.
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

    A new one computes in bfloat16 only if the hardware of every rank is good at it or it was asked
    for. Each rank whose hardware is bad at the outcome warns. Raises OSError.
    """
    hardware = hardware_of(device)
    before = recorded_precision(run) if rank() == 0 else None
    known = before if config.precision == "auto" else None  # what is asked for by name is known
    own = choose_precision(config.precision, hardware)
    choice = _agree(own if known is None else known, is_known=known is not None)
    if rank() == 0 and choice != before:
        run.write(_FILE, json.dumps(choice._asdict()).encode())
    cost = cost_of(choice, hardware)
    if cost is not None:
        logger.warning("%s", cost)
    return choice


def recorded_precision(run: Folder) -> Choice | None:
    """What the training in `run` computes in, if it has begun."""
    return Choice(**json.loads(run.read(_FILE))) if run.has(_FILE) else None


def with_precision(params: Params, choice: Choice) -> Params:
    """The parameters with that precision in place of `auto`."""
    train = dataclasses.replace(params.train, precision=choice.precision)
    return dataclasses.replace(params, train=train)


def _agree(own: Choice, *, is_known: bool) -> Choice:
    """Rank 0's choice if it is known from before, else float32 where some rank wants that."""
    if world_size() == 1:
        return own
    found: list[tuple[Choice, bool]] = [(own, is_known)] * world_size()
    distributed.all_gather_object(found, (own, is_known))
    first, is_known = found[0]
    if is_known:
        return first
    return next((choice for choice, _ in found if choice.precision == "float32"), first)
