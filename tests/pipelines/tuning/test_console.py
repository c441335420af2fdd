"""What a person reads while a study runs."""

import dataclasses
import logging

import pytest

from pipelines.tuning.console import StudyConsole
from pix2pix.config import Params
from pix2pix.tuning.trials import Exchange
from tests.support.small_study import small_study
from tests.support.trials import make_trial

BEGUN = make_trial(1, values={"train.beta1": 0.5, "model.norm": "none"}, status="running")
UNTRAINED = {"epoch": 0, "time_s": 0.0, "dev/l1": 0.5}
FIRST = {"epoch": 1, "time_s": 0.0, "dev/l1": 0.25}


@pytest.fixture
def params(small_params: Params) -> Params:
    return small_study(small_params, num_trials=4, num_epochs=2)


def test_it_says_from_whom_a_trial_goes_on(
    params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    console = StudyConsole(params)
    trained = dataclasses.replace(BEGUN, history=(UNTRAINED, FIRST))
    console.remember([trained])
    exchange = Exchange(epoch=1, parent=3, before=BEGUN.values)
    with caplog.at_level(logging.INFO):
        console(dataclasses.replace(trained, values={"train.beta1": 0.6}, exchanges=(exchange,)))
    assert [record.message for record in caplog.records] == [
        "trial 1 goes on from trial 3: train.beta1 0.6"
    ]


def test_it_says_values_epochs_and_the_best_so_far(
    params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    console = StudyConsole(params)
    other = dataclasses.replace(BEGUN, number=0, status="finished", history=(UNTRAINED, FIRST))
    console.remember([other])
    with caplog.at_level(logging.INFO):
        console(BEGUN)
        console(dataclasses.replace(BEGUN, history=(UNTRAINED,)))
        trained = dataclasses.replace(BEGUN, history=(UNTRAINED, FIRST | {"dev/l1": 0.3}))
        console(trained)
        console(dataclasses.replace(trained, status="stopped", reason="ASHA: behind"))
        console(dataclasses.replace(BEGUN, number=5, purpose="winner", seed=3))
    assert [record.message for record in caplog.records] == [
        "trial 1 begins: train.beta1 0.5, model.norm none",
        "trial 1: epoch 1/2, dev L1 0.3000",
        "trial 1 stopped, dev L1 0.3000 (ASHA: behind); 2 of 4 trials ended, "
        "best dev L1 0.2500 in trial 0",
        "trial 5 (winner, seed 3) begins: train.beta1 0.5, model.norm none",
    ]
