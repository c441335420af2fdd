"""The report on a version, made of values."""

from typing import Any

import pytest

from pipelines.registry.decision_report import decision_report, warning_of


def _scores(l1: float, frechet: float | None, *, name: str = "frechet_net") -> dict[str, float]:
    """Scores in the middle of intervals as wide as those of the baselines."""
    own = {"l1": l1, "l1_low": l1 - 0.01, "l1_high": l1 + 0.01, "ssim": 0.9}
    if frechet is None:
        return own
    return own | {name: frechet, f"{name}_low": frechet - 10, f"{name}_high": frechet + 10}


def _metrics(
    l1: float, frechet: float | None, *, identity: dict[str, float] | None = None, **how: str
) -> dict[str, Any]:
    baselines = {"mean_target": _scores(0.15, None if frechet is None else 250.0, **how)}
    if identity is not None:
        baselines["identity"] = identity
    return {"test": _scores(l1, frechet, **how), "baselines": baselines}


@pytest.mark.parametrize(
    ("l1", "frechet", "is_better"),
    [
        (0.07, 150.0, True),
        (0.07, 300.0, True),  # blurred
        (0.20, 150.0, True),  # sharp, but elsewhere
        (0.15, 250.0, False),  # the mean target itself
        (0.14, 245.0, False),  # lower by less than the intervals
        (0.21, 270.0, False),
        (0.07, None, True),  # two channels have no distance
        (0.21, None, False),
    ],
)
@pytest.mark.parametrize("name", ["frechet_net", "fid"])
def test_a_model_is_no_better_than_the_mean_target_if_it_is_so_in_both_scores(
    l1: float, frechet: float | None, is_better: bool, name: str
) -> None:
    warning = warning_of(_metrics(l1, frechet, name=name))
    decision = {"outcome": "promoted", "reason": "first", "compared_with": None, "rows": []}
    report = decision_report("m", "1", decision, warning=warning)
    said = f"no better on the test split than the mean target (L1 {l1:.4g} against 0.15"
    assert (said in report) == (warning is not None) == (not is_better)
    if frechet is not None and warning is not None:
        lower = " with intervals that overlap" if frechet < 250 else ""
        assert f", Frechet distance {frechet:.4g} against 250{lower})" in warning


def test_a_model_that_leaves_noise_as_it_is_is_no_better_than_the_source() -> None:
    metrics = _metrics(0.075, 121.0, identity=_scores(0.077, 121.0))
    assert str(warning_of(metrics)).startswith(
        "no better on the test split than the source itself (L1 0.075 against 0.077 with "
        "intervals that overlap, Frechet distance 121 against 121): look at"
    )


def test_both_baselines_are_named_if_the_model_is_better_than_neither() -> None:
    warning = str(warning_of(_metrics(0.3, 300.0, identity=_scores(0.2, 200.0))))
    assert "than the mean target (L1 0.3 " in warning
    assert " and the source itself (L1 0.3 against 0.2, " in warning


def test_without_scores_of_the_mean_target_nothing_is_said() -> None:
    assert warning_of(None) is None
    assert warning_of({"test": {}, "baselines": {}}) is None


def test_scores_of_a_single_image_have_no_intervals_to_compare() -> None:
    assert warning_of({"test": {"l1": 0.3}, "baselines": {"mean_target": {"l1": 0.1}}}) is None
