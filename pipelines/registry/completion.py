"""Add to MLflow what it lacks of the finished training's run and of its model, from the files.

`register` makes the model version and `decision` compares it with the champion; this module checks
the files and completes the run first.
It imports torch and MLflow, which takes seconds. So the stage `register` imports it only if
`receipt` cannot tell that nothing is missing.
"""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.evaluation.model_content import MODEL_KEY, content_hash
from pipelines.json_files import read_json
from pipelines.paths import KEPT_EPOCHS_DIR, METRICS_PATH, MODEL_DIR, PREPARED_DIR, TRAIN_PATH
from pipelines.registry.decision import decide
from pipelines.registry.dev_sources import dev_sources
from pipelines.registry.examples import log_examples
from pipelines.registry.kept_epochs import log_kept_epochs
from pipelines.registry.lineage import log_lineage, project_lineage
from pipelines.registry.register import register_model
from pipelines.registry.trained_pairs import log_pairs
from pipelines.repository.dotted_keys import flatten
from pipelines.tracking.completion import complete_run
from pipelines.tracking.connection import connected
from pipelines.tracking.train_record import TrainRecord, read_train_record
from pix2pix.config import EXECUTION_KEYS, Params, height_width, load_params
from pix2pix.data.manifest import FIRST_SOURCE, load_manifest
from pix2pix.errors import UserError
from pix2pix.inference import Images
from pix2pix.model_card import ModelCard, load_card

_SECTIONS = ("augment", "model", "train")  # sections of params.yaml that a training depends on

logger = logging.getLogger(__name__)


def complete_registration(uri: str) -> dict[str, Any]:
    """Create or complete the MLflow run and the model version of the model in this folder.

    Then the version is compared with the champion. Returns the content of register.json. The
    recorded parameters are those of the training. The experiment, the name of the registered model
    and the rule of the comparison are those of params.yaml now. Raises UserError naming files that
    are missing or do not belong together, ConnectionError naming `uri` if MLflow does not answer.
    """
    params, training = load_params(), read_train_record(TRAIN_PATH)
    _check_files_belong_to(training)
    _warn_of_differences(params, training)
    with connected(uri) as client:
        run = complete_run(client, Path(), experiment=params.register.experiment)
        example = example_source()
        registration = register_model(
            client, run, MODEL_DIR, name=params.registered_name, example=example
        )
        log_examples(client, run.run_id, MODEL_DIR, prepared_dir=PREPARED_DIR)
        log_kept_epochs(client, run.run_id, KEPT_EPOCHS_DIR, example=example)
        log_lineage(client, run.run_id, project_lineage(Path(), MODEL_DIR))
        log_pairs(
            client, run.run_id, load_manifest(PREPARED_DIR), data_hash=training.data.data_hash
        )
        decision = decide(client, registration, params)
    return dataclasses.asdict(registration) | {"decision": dataclasses.asdict(decision)}


def _check_files_belong_to(training: TrainRecord) -> None:
    """Raise UserError if the model or its scores are not those of this training."""
    content = content_hash(MODEL_DIR)
    if content != training.model_sha256:
        raise UserError(
            f"{MODEL_DIR} does not hold the model that {TRAIN_PATH} describes; restore both with "
            "`dvc checkout`, or train anew with `dvc repro -f -s train`"
        )
    scored = read_json(METRICS_PATH, made_by="evaluate").get(MODEL_KEY)
    if scored != content:
        raise UserError(
            f"{METRICS_PATH} has no scores of the model in {MODEL_DIR} but of "
            f"{'an unnamed one' if scored is None else 'another one'}; "
            "run `dvc repro -f -s evaluate`"
        )


def _warn_of_differences(params: Params, training: TrainRecord) -> None:
    """Log a warning if parameters or data have changed since the training."""
    now, then = (
        {key: value for key, value in flatten(mapping).items() if _affects_training(key)}
        for mapping in (dataclasses.asdict(params), training.params)
    )
    differing = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
    if load_manifest(PREPARED_DIR).data_hash != training.data.data_hash:
        differing.append(f"the pairs in {PREPARED_DIR}")
    if differing:
        logger.warning(
            "the model was trained with other values of %s than are here now; its own are "
            "recorded. To train with those that are here, run `dvc repro train`, or "
            "`dvc repro -f -s train` where DVC takes the training for up to date",
            ", ".join(differing),
        )


def _affects_training(key: str) -> bool:
    section, _, name = key.partition(".")
    if key == "data.crops_per_pair":
        return True
    return section in _SECTIONS and not (section == "train" and name in EXECUTION_KEYS)


def example_source() -> Images:
    """A source image (H, W, C) that fits the model, as an example in the package.

    It is the first of the model's dev split, or a uniform image if the prepared data are others. If
    the model has several sources, there is one image for each of them, by name.
    """
    card = load_card(MODEL_DIR)
    found = dev_sources(card, PREPARED_DIR, limit=1)
    images = found[0] if found else _uniform_images(card)
    return images if card.extra_sources else images[FIRST_SOURCE]


def _uniform_images(card: ModelCard) -> dict[str, np.ndarray]:
    sizes = card.source_sizes(*height_width(card.image_size))
    return {
        name: np.full((*sizes[name], side.channels), sum(side.value_range) / 2, side.dtype)
        for name, side in card.sources.items()
    }
