import pytest

from pipelines.processes.duration import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (3599.7, "1 h 0 min"), (7260.0, "2 h 1 min")],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
