"""Taking over a new version, with a registry of values; test_server.py has the real one."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

import pytest

from pipelines.registry.loaded_version import LoadedVersion
from pipelines.serving import replica
from pipelines.serving.options import ServeOptions
from pipelines.serving.replica import ModelReplica
from pix2pix.errors import UserError
from pix2pix.inference import Translator

_LOOK_S, _LIMIT_S = 0.1, 30.0  # the shortest that may be chosen


class _Registry:
    """Names one version at a time; version 2 cannot be loaded. Notes when each was tried."""

    def __init__(self) -> None:
        self.number = "1"
        self.tried: list[tuple[str, float]] = []

    def number_of(self, *_: object) -> str:
        return self.number

    def load(self, *_: object, **_options: object) -> LoadedVersion:
        self.tried.append((self.number, time.monotonic()))
        if self.number == "2":
            raise UserError("a file is damaged")
        return LoadedVersion("drawn", self.number, cast(Translator, None), {}, ())

    def tries_of_2(self) -> list[float]:
        return [when for number, when in self.tried if number == "2"]


async def _wait(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(_LIMIT_S):
        while not is_so():
            await asyncio.sleep(0.005)


@pytest.mark.slow
def test_a_version_that_cannot_be_loaded_is_tried_after_longer_pauses_and_another_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = _Registry()
    monkeypatch.setattr(replica, "load_version", registry.load)
    monkeypatch.setattr(replica, "number_of", registry.number_of)

    async def follow() -> None:
        options = ServeOptions(models=("drawn",), look_s=_LOOK_S)
        served = ModelReplica("drawn", "sqlite:///none.db", options)
        registry.number = "2"
        await _wait(lambda: len(registry.tries_of_2()) == 5)
        registry.number = "3"
        await _wait(lambda: registry.tried[-1][0] == "3")
        served._following.cancel()

    asyncio.run(follow())
    first, *_, last = registry.tries_of_2()
    assert last - first >= (1 + 2 + 4 + 8) * _LOOK_S
