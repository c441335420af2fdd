"""What the name of a flow run says of the run."""

import copy
import dataclasses
import inspect
import json
from typing import Any

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from pipelines.flows.evaluate_pix2pix import evaluate_pix2pix
from pipelines.flows.run_names import given_text, run_name
from pipelines.flows.train_pix2pix import train_pix2pix
from pipelines.flows.translate_pix2pix import translate_pix2pix
from pipelines.flows.tune_pix2pix import tune_pix2pix
from pix2pix.config import Params

FLOWS = (train_pix2pix, tune_pix2pix, evaluate_pix2pix, translate_pix2pix)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, ""),
        (
            {
                "data": {"synthetic": {"num_train": 8}, "image_size": [64, 32]},
                "train": {"init_from": None},
                "tune_first": True,
                "targets": ["train"],
            },
            "data.image_size=[64, 32], data.synthetic.num_train=8, +3",
        ),
        ({"revision": "origin/main"}, "revision=origin/main"),
        ({"targets": ["register"]}, ""),
    ],
)
def test_a_name_says_what_was_given_and_counts_what_does_not_fit(
    given: dict[str, Any], text: str
) -> None:
    assert _text(given, in_force={}) == text


def test_a_name_leaves_out_what_a_form_has_shown_and_nobody_changed(
    default_params: Params,
) -> None:
    in_force = json.loads(json.dumps(dataclasses.asdict(default_params)))
    assert _text(in_force, in_force) == ""
    changed = copy.deepcopy(in_force)
    changed["train"]["num_epochs"] = 3
    changed["data"]["side_a"]["scale"] = 2
    assert _text(changed, in_force) == "data.side_a.scale=2.0, train.num_epochs=3"


def _text(given: dict[str, Any], in_force: dict[str, Any]) -> str:
    parameters = train_pix2pix.validate_parameters(given)
    signature = inspect.signature(train_pix2pix.fn)
    defaults = {name: each.default for name, each in signature.parameters.items()}
    return given_text(defaults | parameters, signature, in_force)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("brave-otter", "model=drawn/1 · brave-otter"),
        ("model=drawn/1 · brave-otter", "model=drawn/1 · brave-otter"),  # it starts again
    ],
)
def test_the_name_that_a_run_had_stays_behind_what_was_given_and_comes_once(
    before: str, after: str
) -> None:
    flow_run = FlowRun.model_construct(name=before)
    context = FlowRunContext.model_construct(
        flow=evaluate_pix2pix,
        flow_run=flow_run,
        parameters={"model": "drawn/1", "revision": "HEAD"},
    )
    with context:
        assert run_name() == after


def test_each_flow_names_its_runs() -> None:
    assert {flow.flow_run_name for flow in FLOWS} == {run_name}
