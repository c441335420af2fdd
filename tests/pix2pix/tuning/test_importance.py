"""How much each parameter says about the scores of a few trials."""

import pytest

from pix2pix.tuning.importance import rank_importance


def test_a_key_that_orders_the_scores_explains_all_of_them() -> None:
    points = [{"a": 10.0**-place, "b": 1.0} for place in range(5)]
    assert rank_importance(points, [1.0, 2.0, 4.0, 8.0, 9.0]) == {"a": pytest.approx(1.0), "b": 0.0}


def test_words_explain_what_their_groups_differ_by() -> None:
    points = [{"norm": name} for name in ("batch", "batch", "none", "none")]
    # Ranks 0, 1 | 2, 3: between the groups 4 of a variance of 5.
    assert rank_importance(points, [0.1, 0.2, 0.3, 0.4])["norm"] == pytest.approx(4 / 5)


def test_equal_scores_have_no_cause() -> None:
    assert rank_importance([{"a": 1.0}, {"a": 2.0}], [0.5, 0.5]) == {"a": 0.0}
