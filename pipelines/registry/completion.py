"""Everything that MLflow lacks of the finished training and its model, from the files.

Imports torch and MLflow, which takes seconds: the stage asks first whether anything is missing.
"""

import dataclasses
import logging
from pathlib import Path

import numpy as np

from pipelines.entrypoint import read_json
from pipelines.evaluation.model_content import MODEL_KEY, content_hash
from pipelines.paths import METRICS_PATH, MODEL_DIR, PREPARED_DIR, TRAIN_PATH
from pipelines.registry.register import Registration, register_model
from pipelines.repository.origin import flatten
from pipelines.tracking.completion import complete_run
from pipelines.tracking.run import failures_of
from pipelines.tracking.train_record import TrainRecord, read_train_record
from pix2pix.checkpoint import load_card
from pix2pix.config import WHERE_IT_RUNS, Params, load_params
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError

_SECTIONS = ("augment", "model", "train")  # that a training is a function of, beside its data

logger = logging.getLogger(__name__)


def complete_registration(uri: str) -> Registration:
    """Complete the run and the version of the model in this folder, or make them.

    Recorded is what the model was trained with. The working copy decides where: the experiment and
    the name of the registered model. Raises UserError naming files that are missing or do not
    belong together, ConnectionError naming `uri` if MLflow does not answer.
    """
    params, training = load_params(), read_train_record(TRAIN_PATH)
    _check_that_all_is_of(training)
    _tell_what_differs(params, training)
    with failures_of(uri):
        run = complete_run(uri, Path(), experiment=params.register.experiment)
        return register_model(
            run, MODEL_DIR, uri=uri, name=params.registered_name, example=example_source()
        )


def _check_that_all_is_of(training: TrainRecord) -> None:
    """Raise UserError if the model or its scores are not those of this training."""
    content = content_hash(MODEL_DIR)
    if content != training.model_sha256:
        raise UserError(
            f"{MODEL_DIR} does not hold the model that {TRAIN_PATH} is about; get both back with "
            "`dvc checkout`, or train anew with `dvc repro -f train`"
        )
    scored = read_json(METRICS_PATH, made_by="evaluate").get(MODEL_KEY)
    if scored != content:
        raise UserError(
            f"{METRICS_PATH} has no scores of the model in {MODEL_DIR} but of "
            f"{'an unnamed one' if scored is None else 'another one'}; run `dvc repro -f evaluate`"
        )


def _tell_what_differs(params: Params, training: TrainRecord) -> None:
    """Say where the working copy has moved on since the training."""
    now, then = (
        {key: value for key, value in flatten(mapping).items() if _is_of_a_training(key)}
        for mapping in (dataclasses.asdict(params), training.params)
    )
    differing = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
    if load_manifest(PREPARED_DIR).data_hash != training.data.data_hash:
        differing.append(f"the pairs in {PREPARED_DIR}")
    if differing:
        logger.warning(
            "the model was trained with other values of %s than are here now; its own are "
            "recorded. `dvc repro` trains with those that are here",
            ", ".join(differing),
        )


def _is_of_a_training(key: str) -> bool:
    section, _, name = key.partition(".")
    return section in _SECTIONS and not (section == "train" and name in WHERE_IT_RUNS)


def example_source() -> np.ndarray:
    """A source image (H, W, C) of the kind that the model takes.

    One of those it was judged by, or a uniform one where other pairs are prepared by now.
    """
    card = load_card(MODEL_DIR)
    if load_manifest(PREPARED_DIR).data_hash == card.data_hash:
        example: np.ndarray = open_split(PREPARED_DIR, "dev").source[0]
        return example
    side = card.source
    shape = (card.image_size, card.image_size, side.channels)
    return np.full(shape, sum(side.value_range) / 2, side.dtype)
