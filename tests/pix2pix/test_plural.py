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


@pytest.mark.parametrize(
    ("verb", "one", "many"),
    [
        ("are", "1 file is", "2 files are"),
        ("were", "1 file was", "2 files were"),
        ("have", "1 file has", "2 files have"),
        ("hold", "1 file holds", "2 files hold"),
    ],
)
def test_the_verb_goes_with_the_number(verb: str, one: str, many: str) -> None:
    assert [counted(number, "file", verb=verb) for number in (1, 2)] == [one, many]
