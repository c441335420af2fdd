"""What is tried again and how often, and what is given up at once."""

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from pipelines.tracking import outbox
from pipelines.tracking.outbox import Outbox


class _Receiver:
    """Raises what it is given, one at each call, then takes all."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.times_s, self.got = list(errors), list[float](), list[int]()
        self.told = list[Exception | None]()

    def send(self, things: list[int]) -> Iterator[int]:
        self.times_s.append(time.monotonic())
        if self.errors:
            raise self.errors.pop(0)
        for thing in things:
            self.got.append(thing)
            yield thing

    def outbox(self) -> Outbox[int]:
        return Outbox(self.send, passing=(ConnectionError,), tell=self.told.append)


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_RETRY_S", 0.05)
    monkeypatch.setattr(outbox, "_MAX_RETRY_S", 0.2)


def test_an_outage_is_tried_again_more_and_more_rarely() -> None:
    receiver = _Receiver(*[ConnectionError("gone")] * 5)
    box = receiver.outbox()
    box.put(1)
    while not receiver.got:
        time.sleep(0.01)
    pauses = [after - before for before, after in pairwise(receiver.times_s)]
    assert len(pauses) == 5
    assert all(
        pause >= least for pause, least in zip(pauses, [0.05, 0.1, 0.2, 0.2, 0.2], strict=True)
    )
    assert box.close(5)
    assert [str(error) for error in receiver.told] == ["gone"] * 5 + ["None"]


@pytest.mark.parametrize("error", [ValueError("a name"), KeyError("a defect")])
def test_what_does_not_pass_is_given_up_until_the_end(error: Exception) -> None:
    receiver = _Receiver(error)
    box = receiver.outbox()
    box.put(1)
    while not receiver.told:
        time.sleep(0.01)
    box.put(2)
    time.sleep(0.3)
    assert len(receiver.times_s) == 1
    assert box.close(5)  # it was mended meanwhile
    assert (receiver.got, receiver.told) == ([1, 2], [error, None])


def test_what_was_not_mended_ends_at_once_and_is_told() -> None:
    errors = [KeyError("a defect"), KeyError("again")]
    receiver = _Receiver(*errors)
    box = receiver.outbox()
    box.put(1)
    while not receiver.told:
        time.sleep(0.01)
    began_s = time.monotonic()
    assert not box.close(5)
    assert time.monotonic() - began_s < 2
    assert receiver.told == errors
