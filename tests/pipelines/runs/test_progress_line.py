"""A training's progress as a line, written and read."""

from fractions import Fraction

import pytest

from pipelines.runs.progress_line import epoch_line, progress_line, share_done, speed

TIMES_S = {0: 100.0, 1: 110.0, 2: 120.0, 3: 3720.0, 4: 3730.0}  # an hour's break after the second
HISTORY = [
    {
        "epoch": epoch,
        "time_s": time_s,
        "dev/l1": 0.5 / (epoch + 1),
        "train/l1": 0.125,
        "train/loss_g_adversarial": 0.75,
        "train/loss_d": 0.625,
        "perf/images_per_s": 31.25,
        "perf/data_wait_share": 0.01,
        "perf/epoch_s": 9.0,
    }
    for epoch, time_s in TIMES_S.items()
]


@pytest.mark.parametrize(("epoch", "batch"), [(0, 0), (0, 10), (2, 5), (3, 10)])
def test_the_share_is_read_from_the_line_that_says_it(epoch: int, batch: int) -> None:
    line = f"INFO {progress_line(epoch, 4, batch=batch, num_batches=10)}, 5.0 img/s, 1% waiting"
    assert share_done(line) == pytest.approx(float(Fraction(10 * epoch + batch, 40)))


@pytest.mark.parametrize(
    "line",
    [
        "Running stage 'train':",
        "INFO trial 1: epoch 1/1, dev L1 0.1686",  # of a study, of which this is no share
        "INFO before training: dev L1 0.5000",
    ],
)
def test_other_lines_say_nothing(line: str) -> None:
    assert share_done(line) is None


def test_an_epoch_is_a_line_of_scores_losses_speed_and_time_left() -> None:
    line = epoch_line(HISTORY[:3], 9, is_best=True)
    assert line == (
        "epoch 2/9: dev L1 0.1667 (best so far), train L1 0.1250, G: adversarial 0.750, D: 0.625, "
        "31.2 img/s, 1 min 10 s left"
    )
    assert share_done(f"INFO {line}") == pytest.approx(2 / 9)


def test_an_interruption_does_not_count_as_the_length_of_an_epoch() -> None:
    assert epoch_line(HISTORY, 9, is_best=False).endswith("img/s, 50 s left")


def test_where_the_first_epoch_was_interrupted_nothing_says_yet_how_long_one_takes() -> None:
    resumed = [HISTORY[0], HISTORY[1] | {"time_s": 3710.0}]
    assert epoch_line(resumed, 9, is_best=False).endswith("D: 0.625, 31.2 img/s")
    assert epoch_line([*resumed, HISTORY[2] | {"time_s": 3720.0}], 9, is_best=False).endswith(
        "31.2 img/s, 1 min 10 s left"
    )


def test_the_last_epoch_and_the_untrained_generator_have_no_time_left() -> None:
    assert epoch_line(HISTORY, 4, is_best=False).endswith(", the last one")
    assert epoch_line(HISTORY[:1], 4, is_best=False) == "before training: dev L1 0.5000"


def test_waiting_for_data_is_said_where_it_matters() -> None:
    assert speed(10.0, 0.04) == "10.0 img/s"
    assert speed(10.0, 0.4) == "10.0 img/s (40% of the time waiting for data)"
