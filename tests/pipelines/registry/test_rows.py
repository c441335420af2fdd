import pytest

from pipelines.registry.comparison import Verdict
from pipelines.registry.decision_report import decision_report
from pipelines.registry.rows import Row, dev_rows, score_rows
from pix2pix.evaluation.intervals import Interval
from pix2pix.evaluation.paired import Difference
from tests.support.registered_project import PROTOCOL

L1 = Difference(first=0.1, second=0.15, change=Interval(-0.05, -0.07, -0.03))
FRECHET = Difference(first=9.0, second=8.0, change=Interval(1.0, -1.0, 3.0))


def metrics(**test: float) -> dict[str, object]:
    return {"test": {"num_images": 4, **test}, "protocol": dict(PROTOCOL)}


def test_what_decides_is_listed_with_its_interval() -> None:
    verdict = Verdict(outcome="promoted", reason="", opponent="1", l1=L1, frechet=FRECHET)
    l1, frechet = dev_rows(verdict, recorded_l1=0.5)
    assert l1 == Row(
        metric="dev/l1", version=0.1, champion=0.15, difference=-0.05, low=-0.07, high=-0.03
    )
    assert (frechet.metric, frechet.version, frechet.low) == (
        "dev/frechet_efficientnet_lite0",
        9.0,
        -1.0,
    )


def test_without_a_comparison_the_l1_of_the_training_is_listed() -> None:
    verdict = Verdict(outcome="promoted", reason="there was no champion")
    assert dev_rows(verdict, recorded_l1=0.5) == (Row(metric="dev/l1", version=0.5),)


def test_test_scores_are_listed_where_both_were_measured() -> None:
    own = metrics(l1=0.2, l1_low=0.1, l1_high=0.3, ssim=0.5, kid_x_std=0.1)
    assert score_rows(own, metrics(l1=0.25)) == (
        Row(metric="test/l1", version=0.2, champion=0.25),
        Row(metric="test/ssim", version=0.5),
    )
    assert score_rows(own, None) == (
        Row(metric="test/l1", version=0.2),
        Row(metric="test/ssim", version=0.5),
    )
    assert score_rows(None, own) == ()


@pytest.mark.parametrize("key", sorted(PROTOCOL))
def test_scores_under_another_protocol_are_not_set_beside(key: str) -> None:
    other = metrics(l1=0.25) | {"protocol": PROTOCOL | {key: "other"}}
    assert score_rows(metrics(l1=0.2), other) == (Row(metric="test/l1", version=0.2),)


def test_the_report_has_the_reason_and_a_table() -> None:
    row = {"metric": "dev/l1", "version": 0.1, "champion": 0.15}
    interval = {"difference": -0.05, "low": -0.07, "high": -0.03}
    test_row = {"metric": "test/l1", "version": 0.2, "champion": None}
    none = dict.fromkeys(interval)
    decision = {"outcome": "promoted", "reason": "it is lower", "compared_with": "1"}
    decision["rows"] = [row | interval, test_row | none]
    lines = decision_report("m", "2", decision).splitlines()
    assert lines[2] == "m version 2 was **promoted**: it is lower."
    assert lines[4:8] == [
        "| metric&emsp; | version 2&emsp; | version 1&emsp; | difference&emsp; | interval |",
        "| --- | --- | --- | --- | --- |",
        "| dev/l1&emsp; | 0.1&emsp; | 0.15&emsp; | -0.05&emsp; | -0.07 to -0.03 |",
        "| test/l1&emsp; | 0.2&emsp; | &emsp; | &emsp; |  |",
    ]
    alone = decision_report("m", "1", decision | {"compared_with": None})
    assert "| metric&emsp; | version 1 |\n| --- | --- |\n| dev/l1&emsp; | 0.1 |" in alone
