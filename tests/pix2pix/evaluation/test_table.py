from dataclasses import replace

from pix2pix.evaluation.intervals import Interval
from pix2pix.evaluation.quality import Quality
from pix2pix.evaluation.report import Report
from pix2pix.evaluation.scoring import SetScores
from pix2pix.evaluation.table import format_table
from tests.support.protocols import make_protocol

WIDE = Interval(-0.0012345678, -0.012345678, -0.00012345678)
QUALITY = Quality._fields
DISTANCES = ("frechet_efficientnet_lite0", "kid_efficientnet_lite0", "kid_efficientnet_lite0_std")


def scores(*names: str) -> SetScores:
    return SetScores(num_images=80, metrics=dict.fromkeys(names, WIDE))


def report(**changes: object) -> Report:
    whole = Report(
        test=scores(*QUALITY, *DISTANCES),
        baselines={
            "identity": scores(*QUALITY, *DISTANCES),
            "mean_target": scores(*QUALITY, *DISTANCES),
            "real_vs_real": scores(*DISTANCES),
        },
        dev={},
        protocol=make_protocol(),
        warnings=("w" * 30 + " x" * 60,),
    )
    return replace(whole, **changes)


def test_the_widest_table_has_at_most_a_hundred_columns() -> None:
    assert max(len(line) for line in format_table(report()).splitlines()) <= 100


def test_a_path_in_a_warning_stays_whole() -> None:
    path = "~/checkpoints/weights-inception-2015-12-05-6726825d.pth"
    for num_words in range(30):  # wherever the line ends
        assert path in format_table(report(warnings=("no " * num_words + path,)))


def test_each_score_has_a_row_of_values_and_one_of_the_interval() -> None:
    """The deviation of the kernel distance has none."""
    num_scores = len(QUALITY) + len(DISTANCES) - 1
    table, _, _ = format_table(report()).partition("\n\n")
    assert len(table.splitlines()) == 2 * num_scores + len(["the head", "the number of images"])


def test_columns_are_aligned() -> None:
    lines = format_table(report()).splitlines()
    starts = [lines[0].index(name) for name in ("model", "identity", "mean target", "real vs real")]
    row = next(line for line in lines if line.startswith("Frechet"))
    assert [row[start:].split()[0] for start in starts] == ["-0.001235"] * 4
    assert all(row[start - 1] == " " for start in starts)


def test_a_distance_of_another_network_is_not_called_fid() -> None:
    text = format_table(report())
    assert "Frechet (low)" in text
    assert "efficientnet_lite0 features, weights 0123456789ab" in text
    named = replace(report().protocol, extractor="inception_v3")
    fid = format_table(report(protocol=named, test=scores(*QUALITY, "fid", "kid")))
    assert "FID (low)" in fid
    assert "KID (low)" in fid
    assert "Frechet" not in fid


def test_an_absent_value_is_a_dash_and_an_absent_metric_has_no_row() -> None:
    lines = format_table(report()).splitlines()
    assert lines[1].split()[-1] == "-"
    bare = format_table(report(test=scores("l1"), baselines={}))
    assert "PSNR" not in bare


def test_the_table_says_over_how_many_groups_intervals_are() -> None:
    assert "95% interval over images." in format_table(report())
    grouped = format_table(report(protocol=make_protocol(num_groups=9)))
    assert "95% interval over the 9 groups of images." in grouped


def test_values_without_an_interval_take_one_line() -> None:
    one = SetScores(num_images=1, metrics={"l1": Interval(0.25, None, None)})
    lines = format_table(report(test=one, baselines={}, warnings=("no intervals",))).splitlines()
    assert lines[:3] == ["          model", "L1 (low)  0.25", "images    1"]
    assert lines[-1] == "warning: no intervals"
