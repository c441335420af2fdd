"""A training's progress as a line, written and read."""

from fractions import Fraction

import pytest

from pipelines.progress_line import progress_line, share_done


@pytest.mark.parametrize(("epoch", "batch"), [(0, 0), (0, 10), (2, 5), (3, 10)])
def test_the_share_is_read_from_the_line_that_says_it(epoch: int, batch: int) -> None:
    line = f"INFO {progress_line(epoch, 4, batch=batch, num_batches=10)}, 5.0 img/s, 1% waiting"
    assert share_done(line) == pytest.approx(float(Fraction(10 * epoch + batch, 40)))


def test_other_lines_say_nothing() -> None:
    assert share_done("Running stage 'train':") is None
