"""Which trials trained the networks of a trial of a population, with what values."""

import dataclasses
from collections.abc import Mapping

from pix2pix.config import Value
from pix2pix.tuning.lineage import Span, lineage
from pix2pix.tuning.trials import Exchange, Trial
from tests.support.trials import make_trial


def _trial(number: int, values: Mapping[str, Value]) -> Trial:
    """Return a trial of six epochs."""
    history = ({"epoch": epoch, "time_s": 0.0, "dev/l1": 0.5} for epoch in range(7))
    return make_trial(number, *history, values=values)


def test_a_lineage_has_the_trial_and_the_values_of_each_span_of_epochs() -> None:
    """Trial 1 copied trial 0 after epoch 4; trial 0 had copied trial 2 after epoch 2."""
    a, b, c, d = ({"train.beta1": value} for value in (0.1, 0.2, 0.3, 0.4))
    trials = [
        dataclasses.replace(_trial(0, b), exchanges=(Exchange(epoch=2, parent=2, before=a),)),
        dataclasses.replace(_trial(1, d), exchanges=(Exchange(epoch=4, parent=0, before=a),)),
        dataclasses.replace(_trial(2, a), exchanges=(Exchange(epoch=4, parent=0, before=c),)),
    ]
    assert lineage(trials[1], trials) == [
        Span(first_epoch=1, last_epoch=2, number=2, values=c),
        Span(first_epoch=3, last_epoch=4, number=0, values=b),
        Span(first_epoch=5, last_epoch=6, number=1, values=d),
    ]


def test_a_trial_that_was_copied_and_exchanged_after_the_same_epoch_was_copied_before() -> None:
    """Trial 1 has the networks that trial 0 had before it copied trial 2."""
    a, b, c = ({"train.beta1": value} for value in (0.1, 0.2, 0.3))
    trials = [
        dataclasses.replace(_trial(0, c), exchanges=(Exchange(epoch=4, parent=2, before=a),)),
        dataclasses.replace(_trial(1, b), exchanges=(Exchange(epoch=4, parent=0, before=c),)),
        _trial(2, b),
    ]
    assert lineage(trials[1], trials) == [
        Span(first_epoch=1, last_epoch=4, number=0, values=a),
        Span(first_epoch=5, last_epoch=6, number=1, values=b),
    ]
