import json
from dataclasses import asdict

import pytest

from pix2pix.evaluation.protocol import compare_protocols
from tests.support.protocols import make_protocol

PROTOCOL = asdict(make_protocol())


def test_a_protocol_is_comparable_with_itself() -> None:
    assert compare_protocols(PROTOCOL, dict(PROTOCOL)) == []


@pytest.mark.parametrize("key", ["inference_mode", "seed", "num_bootstrap", "packages"])
def test_fields_that_do_not_change_the_scores_may_differ(key: str) -> None:
    assert compare_protocols(PROTOCOL, {**PROTOCOL, key: "other"}) == []


@pytest.mark.parametrize(
    "key",
    [
        "split",
        "split_hash",
        "num_images",
        "resize",
        "image_size",
        "direction",
        "masked",
        "resize_kernel",
        "extractor",
        "extractor_sha256",
        "kid_subset_size",
    ],
)
def test_fields_that_change_the_scores_forbid_a_comparison(key: str) -> None:
    assert compare_protocols(PROTOCOL, {**PROTOCOL, key: "other"}) == [
        f"{key}: {PROTOCOL[key]} against other"
    ]


def test_a_missing_field_forbids_a_comparison_even_if_both_lack_it() -> None:
    bare = {key: value for key, value in PROTOCOL.items() if key != "split_hash"}
    line = "split_hash: (not recorded) against"
    assert compare_protocols(bare, PROTOCOL) == [f"{line} abc"]
    assert compare_protocols(bare, bare) == [f"{line} (not recorded)"]


def test_reports_from_before_there_were_rules_were_stretched() -> None:
    old = {key: value for key, value in PROTOCOL.items() if key != "resize"}
    assert compare_protocols(old, PROTOCOL) == []
    assert compare_protocols(old, {**PROTOCOL, "resize": "fit"}) == ["resize: stretch against fit"]


def test_scores_under_another_range_of_the_target_are_not_compared() -> None:
    """L1 is a share of the range: under [0, 4095] it is 16 times that under [0, 65535]."""
    wide, narrow = ({**PROTOCOL, "value_range": (0.0, high)} for high in (65535.0, 4095.0))
    stored = json.loads(json.dumps(narrow))
    assert compare_protocols(narrow, stored) == []
    assert compare_protocols(wide, stored) == ["value_range: [0.0, 65535.0] against [0.0, 4095.0]"]


def test_reports_from_before_the_range_was_recorded_are_comparable_if_the_target_has_8_bits() -> (
    None
):
    old = {key: value for key, value in PROTOCOL.items() if key != "value_range"}
    assert compare_protocols(old, PROTOCOL) == []
    assert compare_protocols(old, {**PROTOCOL, "value_range": (0.0, 65535.0)}) != []


def test_rectangles_are_equal_before_and_after_they_are_stored() -> None:
    stored = {**PROTOCOL, "image_size": [128, 256]}
    assert compare_protocols(stored, {**PROTOCOL, "image_size": (128, 256)}) == []
