"""The report on a version, made of values."""

from typing import Any

import pytest

from pipelines.registry.decision_report import decision_report, warning_of


def _metrics(low: float) -> dict[str, Any]:
    mean = {"l1": 0.15, "l1_low": 0.14, "l1_high": 0.16}
    own = {"l1": low + 0.01, "l1_low": low, "l1_high": low + 0.02}
    return {"test": own, "baselines": {"mean_target": mean}}


@pytest.mark.parametrize(("low", "is_worse"), [(0.07, False), (0.15, False), (0.2, True)])
def test_a_model_worse_than_the_mean_target_is_called_so(low: float, is_worse: bool) -> None:
    warning = warning_of(_metrics(low))
    decision = {"outcome": "promoted", "reason": "first", "compared_with": None, "rows": []}
    report = decision_report("m", "1", decision, warning=warning)
    said = "worse than the mean target in L1 on the test split (0.21, mean target 0.15)"
    assert (said in report) == (warning is not None) == is_worse


def test_without_scores_of_the_mean_target_nothing_is_said() -> None:
    assert warning_of(None) is None
    assert warning_of({"test": {}, "baselines": {}}) is None


def test_scores_of_a_single_image_have_no_intervals_to_compare() -> None:
    assert warning_of({"test": {"l1": 0.3}, "baselines": {"mean_target": {"l1": 0.1}}}) is None
