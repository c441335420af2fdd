import pytest

from pix2pix.plural import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 CPUs"),
        (1, "1 CPU"),
        (1.0, "1 CPU"),
        (1.5, "1.5 CPUs"),
        (2.0, "2 CPUs"),
        (1_234_567, "1234567 CPUs"),
    ],
)
def test_only_one_has_no_s(number: float, said: str) -> None:
    assert counted(number, "CPU") == said
