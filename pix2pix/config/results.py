"""How a model is scored, where it is registered, and when it becomes the champion."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pix2pix.config.strict import MAX_COUNT, STRICT, Count, FilePath, Seed

MAX_NAME_CHARACTERS = 256  # a column of MLflow's databases
STUDIES_SUFFIX = "-tune"  # of the name of the experiment with the trials

# MLflow itself refuses `/`, `:` and names such as `..`, but only when the model is registered;
# quotes break its searches, and `?`, `@` and line breaks the addresses `models:/NAME/VERSION`.
_MODEL_NAME = re.compile(r"\w(?:[\w .-]*[\w.-])?")

# A kernel distance keeps how often each image is in each resample: 100 MB for 100 000 and 128.
_NumResamples = Annotated[int, Field(ge=100, le=100_000)]


def _as_model_name(name: str) -> str:
    if not _MODEL_NAME.fullmatch(name):
        raise ValueError(
            "MLflow allows letters, digits, blanks and . _ - in the name of a model. It must begin "
            "with a letter, digit or _ and must not end in a blank"
        )
    return name


def _as_experiment_name(name: str) -> str:
    if name != name.strip() or not name.isprintable():
        raise ValueError(
            "the name of an experiment has only printable characters and no blank at its ends"
        )
    return name


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """How the test split is scored (stage evaluate)."""

    __pydantic_config__ = STRICT

    seed: Seed
    """Seed of the resampling behind the intervals and of the subsets of KID, from 0 to 2^32 - 1."""

    batch_size: Count
    """Number of images that are scored at once, at least 1. Lower it where memory is short."""

    num_bootstrap: _NumResamples
    """Number of random resamples of the test images from which the interval of each score is
    computed, from 100 to 100000. Frechet distances, which take long, use at most 200 of them, and
    fewer for more than 1000 images."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    """Coverage of the intervals of the scores, above 0.5 and below 1: 0.95 gives 95 % intervals."""

    inception_weights: FilePath
    """Weights of the Inception network, which FID and KID need: cache (use them if they were
    downloaded before), download (download them if they are missing) or the path of a file. Without
    them, a distance of EfficientNet features is computed in place of FID."""

    kid_subset_size: Annotated[int, Field(ge=2, le=MAX_COUNT)]
    """Number of images in each random subset of KID, at least 2. If the test split has no more
    images, all of them are used, and kid_std, the deviation over the subsets, is absent."""

    num_panels: Annotated[int, Field(ge=1, le=64)]
    """Number of test pairs with the best and with the worst L1 that are shown in reports/panels,
    from 1 to 64 each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterConfig:
    """Where runs and models go in MLflow, and which version becomes the champion (stages train and
    register).
    """

    __pydantic_config__ = STRICT

    experiment: Annotated[
        str,
        AfterValidator(_as_experiment_name),
        Field(min_length=1, max_length=MAX_NAME_CHARACTERS - len(STUDIES_SUFFIX)),
    ]
    """Name of the MLflow experiment that gets the runs. Trials of a search go into
    <experiment>-tune and later evaluations into <experiment>-evaluations."""

    model_name: Annotated[
        Annotated[str, AfterValidator(_as_model_name)] | None,
        Field(min_length=1, max_length=MAX_NAME_CHARACTERS),
    ]
    """Name of the registered model in MLflow, without / and :. Null: pix2pix-<data.name>."""

    promote: Literal["auto", "by_hand"]
    """Who makes a version that is better than the champion the new champion: auto (the stage
    register does so at once) or by_hand (a person does so, with the command pix2pix promote). With
    by_hand, the first version waits for a person, too."""

    min_l1_gain: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Amount, at least 0, by which the dev L1 of a new version has to be lower than the champion's
    for it to become the champion. The whole interval of the difference has to lie beyond it."""

    max_frechet_increase: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    """Amount, at least 0, by which the Frechet distance of a new champion on the dev split may be
    higher than that of the champion before. A version is refused if the whole interval of the
    difference lies beyond it. Null: the distance is not compared."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    """Coverage of the intervals of both differences, above 0.5 and below 1: 0.95 gives 95 %
    intervals."""

    num_bootstrap: _NumResamples
    """Number of random resamples of the dev images from which the intervals are computed, from 100
    to 100000; that of the Frechet distance uses at most 200 of them."""
