"""The protocol of an evaluation that nothing measured."""

import dataclasses

from pix2pix.evaluation.protocol import Protocol


def make_protocol(**changes: object) -> Protocol:
    """The protocol of a test split of 80 pairs; `changes` are to it."""
    protocol = Protocol(
        split="test",
        split_hash="abc",
        num_images=80,
        num_groups=80,
        resize="stretch",
        image_size=128,
        direction="AtoB",
        masked="none",
        resize_kernel="area",
        value_range=(0.0, 255.0),
        extractor="efficientnet_lite0",
        extractor_sha256="0123456789abcdef",
        inference_mode="eval",
        seed=0,
        num_bootstrap=100,
        confidence=0.95,
        kid_subset_size=50,
        packages={"torch": "2.14.1"},
    )
    return dataclasses.replace(protocol, **changes)
