"""Faults that happen inside a Ray Train worker at a planned moment, each once.

A test replaces `pipelines.training.driver.train_worker` by one of these with its plan. What has
happened is remembered in files, because the process that it happened to is gone.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import pipelines.cluster.checkpoint_reports
import pipelines.runs.folder
import pipelines.training.driver
import pix2pix.training.loop
import pix2pix.training.replay
from pipelines.training.loop import Outcome
from pipelines.training.worker import WorkerJob, train_worker
from pix2pix.config import TrainConfig
from pix2pix.data.batch import Batch
from pix2pix.training import Step, TrainState
from pix2pix.training.distributed import rank, world_size

Worker = Callable[[WorkerJob, Any], Outcome]  # with the mailbox


@dataclass(frozen=True)
class Kill:
    """SIGKILL of a rank, so long after a step began; or while that step's checkpoint is written."""

    step: int
    rank: int
    delay_s: float = 0.0
    inside: str = (
        "step"  # step | save (the staged file is half written) | adopt (before its rename)
    )


def use_worker(monkeypatch: pytest.MonkeyPatch, worker: Worker) -> None:
    """Have `train` start this on each Ray worker."""

    def train_faultily(job: WorkerJob, mailbox: Any) -> Outcome:
        return worker(job, mailbox)  # a closure: Ray sends it as it is

    monkeypatch.setattr(pipelines.training.driver, "train_worker", train_faultily)


def killing_worker(kills: list[Kill], happened: Path, *, then: Worker = train_worker) -> Worker:
    """Each kill happens once, and leaves a file of its number in `happened`.

    The worker `then` is what trains, with its own faults.
    """

    def worker(job: WorkerJob, mailbox: Any) -> Outcome:
        _before_each_step(lambda step: _kill_at(kills, happened, step))
        _kill_in_writes(kills, happened)
        return then(job, mailbox)

    return worker


def recording_worker(seen: Path, *, step_s: float, until: Path | None = None) -> Worker:
    """Steps of at least `step_s`, as long as there is no file `until`.

    The world size of each start is a line of the file `seen`.
    """

    def worker(job: WorkerJob, mailbox: Any) -> Outcome:
        if rank() == 0:
            with seen.open("a") as file:
                file.write(f"{world_size()}\n")
        _before_each_step(lambda _step: _take(step_s, until))
        return train_worker(job, mailbox)

    return worker


def kernels_worker(seen: Path) -> Worker:
    """Each step is a line of the file `seen`: whether PyTorch uses only deterministic kernels."""

    def worker(job: WorkerJob, mailbox: Any) -> Outcome:
        def note(_step: int) -> None:
            with seen.open("a") as file:
                file.write(f"{torch.are_deterministic_algorithms_enabled()}\n")

        _before_each_step(note)
        return train_worker(job, mailbox)

    return worker


def _take(seconds: float, until: Path | None) -> None:
    if until is None or not until.exists():
        time.sleep(seconds)


def poisoning_worker(step: int, happened: Path, *, times: int, on_rank: int) -> Worker:
    """The batch of `step` holds a NaN on one rank, so many times."""

    def worker(job: WorkerJob, mailbox: Any) -> Outcome:
        original = pix2pix.training.loop._train_batch

        def poisoned(state: TrainState, batch: Batch, config: TrainConfig, **options: Any) -> None:
            number = len(list(happened.iterdir()))
            if state.step == step and rank() == on_rank and number < times:
                (happened / str(number)).touch()
                batch.target[0, 0, 0, 0] = torch.nan
            original(state, batch, config, **options)

        pix2pix.training.loop._train_batch = poisoned
        return train_worker(job, mailbox)

    return worker


def limited_worker(step: int, max_file_bytes: int) -> Worker:
    """From `step` on no file may grow beyond that: writes fail midway, as on a full disk."""

    def worker(job: WorkerJob, mailbox: Any) -> Outcome:
        import resource

        def limit(now: int) -> None:
            if now == step:
                resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

        _before_each_step(limit)
        return train_worker(job, mailbox)

    return worker


def _before_each_step(action: Callable[[int], None]) -> None:
    original = pix2pix.training.replay.train_step

    def step_after_action(state: TrainState, *batch: Any, **options: Any) -> Step:
        action(state.step)
        return original(state, *batch, **options)

    pix2pix.training.replay.train_step = step_after_action


def _kill_at(kills: list[Kill], happened: Path, step: int) -> None:
    for number, kill in enumerate(kills):
        is_due = (kill.step, kill.rank, kill.inside) == (step, rank(), "step")
        if is_due and _is_first(happened, number):
            threading.Timer(kill.delay_s, os.kill, (os.getpid(), signal.SIGKILL)).start()


def _kill_in_writes(kills: list[Kill], happened: Path) -> None:
    save, adopt = (
        pipelines.cluster.checkpoint_reports.save_training,
        pipelines.runs.folder.Folder.adopt,
    )
    staged_step = 0

    def planned(inside: str) -> bool:
        places = [(kill.step, kill.inside) for kill in kills]
        return (staged_step, inside) in places and _is_first(
            happened, places.index((staged_step, inside))
        )

    def killed_in_save(path: Path, state: dict[str, Any]) -> None:
        nonlocal staged_step
        staged_step = state["step"]
        save(path, state)
        if planned("save"):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    def killed_in_adopt(self: pipelines.runs.folder.Folder, file: Path, name: str) -> None:
        if name.endswith(".pt") and planned("adopt"):
            os.kill(os.getpid(), signal.SIGKILL)
        adopt(self, file, name)

    pipelines.cluster.checkpoint_reports.save_training = killed_in_save
    pipelines.runs.folder.Folder.adopt = killed_in_adopt


def _is_first(happened: Path, number: int) -> bool:
    try:
        (happened / str(number)).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
