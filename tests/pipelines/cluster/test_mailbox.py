"""What a worker sends to the driver, and the request to stop that it gets back."""

import logging
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from pipelines.cluster import mailbox as mailbox_module
from pipelines.cluster.mailbox import WorkerConsole, console
from pix2pix.training import StepProgress
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.usefixtures("cluster")]


class CountingMailbox:
    """Replaces the handle of the actor: counts what is sent and answers at once."""

    def __init__(self) -> None:
        self.num_sent = 0
        self.is_stopping = False
        self.progress = self

    def remote(self, _progress: tuple[Any, ...]) -> Any:
        self.num_sent += 1
        return ray.put(self.is_stopping)


def _step(batch: int) -> StepProgress:
    return StepProgress(epoch=0, batch=batch, num_batches=1000, images_per_s=1, data_wait_share=0)


def test_fast_steps_send_progress_twice_a_second_and_receive_the_request_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(mailbox_module, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    mailbox = CountingMailbox()
    worker = WorkerConsole(mailbox)
    answers = []
    for batch in range(1, 513):  # a second of an accelerator
        answers.append(worker(_step(batch)))
        clock.now_s += 1 / 512
    assert (mailbox.num_sent, any(answers)) == (2, False)
    mailbox.is_stopping = True
    assert worker(_step(513))  # 1.0 s after the first one, the next is due
    assert mailbox.num_sent == 3
    assert not worker(_step(514))
    assert not worker(_step(999))
    assert worker(_step(1000))  # the end of an epoch is sent at once
    assert mailbox.num_sent == 4


@ray.remote(num_cpus=0)
def _stop_after(sign: Path) -> bool:
    until(sign.exists)
    return True


def test_a_slow_answer_is_read_although_more_progress_is_sent_meanwhile(tmp_path: Path) -> None:
    late = _stop_after.remote(tmp_path / "sign")
    mailbox = SimpleNamespace(progress=SimpleNamespace(remote=lambda _progress: late))
    worker = WorkerConsole(mailbox)
    assert not worker(_step(1000))
    mailbox.progress.remote = lambda _progress: ray.put(False)
    assert not worker(_step(1000))
    (tmp_path / "sign").touch()
    ray.wait([late])
    assert worker(_step(1000))


def _take_until_it_fails(mailbox: Any) -> None:
    while True:
        ray.get(mailbox.take.remote(), timeout=30)


def test_a_worker_outlives_the_mailbox() -> None:
    with console(num_epochs=1) as mailbox:
        worker = WorkerConsole(mailbox)
        assert not worker(_step(1))
        ray.kill(mailbox)
        with pytest.raises(ray.exceptions.RayActorError):
            _take_until_it_fails(mailbox)  # it ends a moment later
        assert not any(worker(_step(1000)) for _ in range(20))


def test_a_training_that_waits_for_room_says_what_is_free(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mailbox_module, "SILENCE_S", 0.5)
    caplog.set_level(logging.INFO, logger="pipelines.cluster.mailbox")
    num_cpus = ray.cluster_resources()["CPU"]
    with console(num_epochs=1) as actor:
        until(lambda: "no worker has reported yet" in caplog.text)
        assert f"(free at present: {num_cpus:g} CPUs, 0 GPUs)" in caplog.text
        WorkerConsole(actor).send_line("a worker has begun")
        until(lambda: "a worker has begun" in caplog.text)
        caplog.clear()
        time.sleep(2)
    assert "no worker has reported yet" not in caplog.text
