"""How a training computes: the same on all workers, and after a change of the hardware.

`auto` depends on the hardware. So the choice is written into the run's folder when a training
begins, and its precision and memory layout are kept if the training continues on other hardware: a
training must not change its numbers halfway.
"""

import dataclasses
import json
import logging

import torch
from torch import distributed

from pipelines.runs.folder import Folder
from pix2pix.config import Params, TrainConfig
from pix2pix.training.computing import Computing, choose, slow_choices
from pix2pix.training.distributed import rank, world_size
from pix2pix.training.hardware import hardware_of

_FILE = "computing.json"

logger = logging.getLogger(__name__)


def agreed_computing(config: TrainConfig, run: Folder, device: torch.device) -> Computing:
    """Return how the training in `run` computes. All ranks must call this; all get the same.

    A choice that params.yaml leaves to the hardware is one that the hardware of every rank is fast
    with, or else the one of float32, channels first, without a CUDA graph. Each rank whose hardware
    is slow with the result warns. Raises OSError.
    """
    hardware = hardware_of(device)
    before = recorded_computing(run) if rank() == 0 else None
    own = choose(config, hardware, num_workers=world_size())
    own = own if before is None else _kept(before, own, config)
    computing = _agree(own, is_known=before is not None)
    if rank() == 0 and computing != before:
        run.write(_FILE, json.dumps(computing._asdict()).encode())
    for warning in slow_choices(computing, config, hardware):
        logger.warning("%s", warning)
    return computing


def recorded_computing(run: Folder) -> Computing | None:
    """Return how the training in `run` computes; None if it has not begun."""
    return Computing(**json.loads(run.read(_FILE))) if run.has(_FILE) else None


def with_computing(params: Params, computing: Computing) -> Params:
    """Return the parameters with the choices in place of `auto`."""
    train = dataclasses.replace(
        params.train,
        precision=computing.precision,
        channels_last=computing.channels_last,
        compile=computing.compile,
    )
    return dataclasses.replace(params, train=train)


def _kept(before: Computing, own: Computing, config: TrainConfig) -> Computing:
    """Return `own` with the recorded values where params.yaml says auto."""
    kept = own._replace(
        precision=before.precision if config.precision == "auto" else own.precision,
        channels_last=before.channels_last if config.channels_last == "auto" else own.channels_last,
    )
    return before if kept[:3] == before[:3] else kept


def _agree(own: Computing, *, is_known: bool) -> Computing:
    """Return rank 0's choice if it was recorded, else what the hardware of all ranks is fast with.

    Several ranks never replay steps, so that only precision and layout can differ.
    """
    if world_size() == 1:
        return own
    gathered: list[tuple[Computing, bool]] = [(own, is_known)] * world_size()
    distributed.all_gather_object(gathered, (own, is_known))
    first, is_known = gathered[0]
    if is_known:
        return first
    choices = [choice for choice, _ in gathered]
    common = first._replace(
        precision=min((choice.precision for choice in choices), key=("float32", "bfloat16").index),
        channels_last=all(choice.channels_last for choice in choices),
    )
    return next((choice for choice in choices if choice[:3] == common[:3]), common)
