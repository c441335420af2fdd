"""Which keys of a metrics.json are scores."""

import pytest

from pipelines.tracking.score_keys import interval_of, is_score, score_text
from pix2pix.evaluation.intervals import Interval
from pix2pix.evaluation.report import Report, report_json
from pix2pix.evaluation.scoring import SetScores
from tests.support.protocols import make_protocol

SCORES = {"l1": 0.1234, "l1_low": 0.1, "l1_high": 0.15, "kid": 0.5, "kid_std": 0.01, "lost": None}


def test_the_scores_of_a_report_are_its_metrics() -> None:
    """The suffixes are those that metrics.json is written with."""
    metrics = {"l1": Interval(0.2, 0.1, 0.3), "kid": Interval(0.5, 0.4, 0.6)}
    test = SetScores(num_images=4, metrics=metrics | {"kid_std": Interval(0.1, None, None)})
    report = Report(test=test, baselines={}, dev={}, protocol=make_protocol(), warnings=())
    written = report_json(report)["test"]
    assert [key for key in written if is_score(key)] == list(metrics)
    assert {key: interval_of(written, key) for key in metrics} == {
        "l1": (0.1, 0.3),
        "kid": (0.4, 0.6),
    }


@pytest.mark.parametrize("prefix", ["", "test/", "test/baseline_identity/"])
def test_what_says_how_sure_a_score_is_is_no_score(prefix: str) -> None:
    keys = ["l1", "l1_low", "l1_high", "fid", "kid", "kid_std", "num_images"]
    assert [key for key in keys if is_score(f"{prefix}{key}")] == ["l1", "fid", "kid"]


def test_a_score_is_shown_with_its_interval_if_it_has_one() -> None:
    names = ("l1", "kid", "lost", "absent")
    assert [score_text(SCORES, name) for name in names] == ["0.1234 (0.1 to 0.15)", "0.5", "", ""]
    assert (interval_of(SCORES, "l1"), interval_of(SCORES, "kid")) == ((0.1, 0.15), None)
