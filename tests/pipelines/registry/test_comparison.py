import pytest

from pipelines.registry.comparison import Contender, Row, judge, side_by_side
from tests.support.registered_project import PROTOCOL


def contender(version: str, dev_l1: float | None, **test: float) -> Contender:
    metrics = {"test": {"num_images": 4, **test}, "protocol": PROTOCOL}
    return Contender(version=version, dev_l1=dev_l1, obstacle="too large", metrics=metrics)


@pytest.mark.parametrize(
    ("challenger", "champion", "is_promoted"),
    [(0.1, 0.2, True), (0.2, 0.1, False), (0.1, 0.1, False), (0.1, None, False)],
)
def test_the_lower_dev_score_wins_and_of_equals_the_champion_stays(
    challenger: float, champion: float | None, is_promoted: bool
) -> None:
    judgement = judge(contender("2", challenger, l1=0.9), contender("1", champion, l1=0.0))
    assert judgement.is_promoted is is_promoted


def test_where_there_is_no_champion_the_challenger_becomes_it() -> None:
    assert judge(contender("1", 0.5), None).is_promoted


def test_a_champion_that_cannot_be_scored_stays_and_it_is_said_why() -> None:
    judgement = judge(contender("2", 0.1), contender("1", None))
    assert "version 1, the champion, cannot be scored on this data (too large)" in judgement.reason


def test_a_row_has_both_scores_where_both_were_measured() -> None:
    challenger = contender("2", 0.1, l1=0.2, l1_low=0.1, l1_high=0.3, ssim=0.5, kid_x_std=0.1)
    assert side_by_side(challenger, contender("1", 0.15, l1=0.25)) == (
        Row(metric="dev/l1", challenger=0.1, champion=0.15),
        Row(metric="test/l1", challenger=0.2, champion=0.25),
        Row(metric="test/ssim", challenger=0.5, champion=None),
    )


@pytest.mark.parametrize("key", sorted(PROTOCOL))
def test_scores_under_another_protocol_are_not_set_beside(key: str) -> None:
    champion = contender("1", 0.15, l1=0.25)
    champion.metrics["protocol"] = PROTOCOL | {key: "other"}
    rows = side_by_side(contender("2", 0.1, l1=0.2), champion)
    assert [row.champion for row in rows] == [0.15, None]
