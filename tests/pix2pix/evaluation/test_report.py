import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from pix2pix.evaluation.intervals import Interval
from pix2pix.evaluation.protocol import measuring_packages
from pix2pix.evaluation.quality import Quality
from pix2pix.evaluation.report import Report, make_report, per_image_csv, report_json
from pix2pix.evaluation.scoring import SetScores, SplitScores
from tests.support.protocols import make_protocol

PROTOCOL = make_protocol(num_images=2, kid_subset_size=2, packages=measuring_packages())


def split_scores(l1: float = 0.1) -> SplitScores:
    quality = Quality(np.array([l1, 0.2]), np.array([20.0, 14.0]), np.array([0.5, 1 / 3]))
    metrics = {"l1": Interval(l1, 0.05, 0.2), "kid_std": Interval(0.01, None, None)}
    return SplitScores(
        pair_ids=("one", 'two, "quoted"'),
        quality={"model": quality},
        scores={name: SetScores(num_images=2, metrics=metrics) for name in ("model", "identity")},
        warnings=("absent",),
    )


def report(l1: float = 0.1) -> Report:
    return make_report(
        split_scores(l1), protocol=PROTOCOL, dev={"l1": 0.12}, warnings=("fallback",)
    )


def test_an_interval_becomes_three_keys_and_a_single_value_one() -> None:
    mapping = report_json(report())
    expected = {"l1": 0.1, "l1_low": 0.05, "l1_high": 0.2, "kid_std": 0.01, "num_images": 2}
    assert mapping["test"] == expected
    assert mapping["baselines"] == {"identity": expected}


def test_the_mapping_is_strict_json_with_protocol_dev_and_warnings() -> None:
    mapping = report_json(report())
    mapping["protocol"]["value_range"] = list(PROTOCOL.value_range)  # JSON has no tuples
    assert json.loads(json.dumps(mapping, allow_nan=False)) == mapping
    assert list(mapping) == ["test", "baselines", "dev", "protocol", "warnings"]
    assert mapping["protocol"]["split_hash"] == "abc"
    assert mapping["protocol"]["packages"]["torch"]
    assert mapping["dev"] == {"l1": 0.12}
    assert mapping["warnings"] == ["fallback", "absent"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_numbers_are_named_instead_of_written(value: float) -> None:
    with pytest.raises(ValueError, match=r"test\.l1 is (nan|inf)"):
        report_json(report(value))
    with pytest.raises(ValueError, match=r"dev\.eval\.l1 is (nan|inf)"):
        report_json(replace(report(), dev={"eval": {"l1": value}}))


def test_a_report_without_the_model_is_refused() -> None:
    scores = replace(split_scores(), scores={})
    with pytest.raises(ValueError, match="no scores of 'model'"):
        make_report(scores, protocol=PROTOCOL, dev={})


def test_each_image_is_a_row_of_the_csv() -> None:
    rows = list(csv.reader(io.StringIO(per_image_csv(split_scores()))))
    assert rows == [
        ["pair_id", "l1", "psnr_db", "ssim"],
        ["one", "0.1", "20", "0.5"],
        ['two, "quoted"', "0.2", "14", "0.333333"],
    ]
