"""A server that says what the test has it say."""

from collections.abc import Iterator

import pytest

from tests.support.raw_server import RawServer, raw_server


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with raw_server() as server:
        yield server
