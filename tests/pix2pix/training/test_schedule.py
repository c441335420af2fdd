import dataclasses

import pytest

from pix2pix.config import Params
from pix2pix.training.schedule import learning_rate


def test_the_rate_is_constant_and_then_falls_linearly(default_params: Params) -> None:
    """100 + 100 epochs as published: 1 - max(0, epoch + 1 - 100) / 101."""
    config = dataclasses.replace(
        default_params.train, num_epochs=100, num_decay_epochs=100, learning_rate=1.0
    )
    expected = {0: 1.0, 98: 1.0, 99: 1.0, 100: 100 / 101, 150: 50 / 101, 199: 1 / 101}
    rates = {epoch: learning_rate(epoch, config) for epoch in expected}
    assert rates == pytest.approx(expected, rel=1e-12)


def test_without_decay_epochs_the_rate_is_constant(default_params: Params) -> None:
    config = dataclasses.replace(
        default_params.train, num_epochs=3, num_decay_epochs=0, best_from_epoch=1
    )
    assert {learning_rate(epoch, config) for epoch in range(3)} == {config.learning_rate}
