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


def test_rectangles_are_equal_before_and_after_they_are_stored() -> None:
    stored = {**PROTOCOL, "image_size": [128, 256]}
    assert compare_protocols(stored, {**PROTOCOL, "image_size": (128, 256)}) == []
