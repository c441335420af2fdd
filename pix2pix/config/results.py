"""How a model is scored, and where it is registered."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from pix2pix.config.strict import STRICT

MAX_NAME_CHARACTERS = 256  # a column of MLflow's databases
STUDIES_SUFFIX = "-tune"  # of the experiment that holds the trials

# MLflow itself refuses `/`, `:` and names such as `..`, but only when the model is registered;
# quotes break its searches, and `?`, `@` and line breaks the addresses `models:/NAME/VERSION`.
_MODEL_NAME = re.compile(r"\w(?:[\w .-]*[\w.-])?")


def _as_model_name(name: str) -> str:
    if not _MODEL_NAME.fullmatch(name):
        raise ValueError(
            "MLflow names models by letters, digits, blanks and . _ - only, beginning with a "
            "letter, digit or _ and not ending in a blank"
        )
    return name


def _as_experiment_name(name: str) -> str:
    if name != name.strip() or not name.isprintable():
        raise ValueError(
            "an experiment's name is printable characters and neither begins nor ends in a blank"
        )
    return name


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """How the test split is scored (stage evaluate)."""

    __pydantic_config__ = STRICT

    seed: Annotated[int, Field(ge=0, lt=2**32, description="bootstrap and KID subsets")]
    batch_size: Annotated[int, Field(ge=1, description="images per feature-extractor batch")]
    num_bootstrap: Annotated[int, Field(ge=100, description="resamples behind each interval")]
    confidence: Annotated[float, Field(gt=0.5, lt=1, description="coverage of the intervals")]
    inception_weights: Annotated[
        str,
        Field(
            min_length=1,
            description="cache (use it if there), download (fetch if not there), or a file",
        ),
    ]
    kid_subset_size: Annotated[int, Field(ge=2, description="images per KID subset, at most N")]
    num_panels: Annotated[int, Field(ge=1, le=64, description="best and worst images shown")]


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterConfig:
    """Where runs and models go in MLflow (stages train and register)."""

    __pydantic_config__ = STRICT

    experiment: Annotated[
        str,
        AfterValidator(_as_experiment_name),
        Field(
            min_length=1,
            max_length=MAX_NAME_CHARACTERS - len(STUDIES_SUFFIX),
            description="MLflow experiment",
        ),
    ]
    model_name: Annotated[
        Annotated[str, AfterValidator(_as_model_name)] | None,
        Field(
            min_length=1,
            max_length=MAX_NAME_CHARACTERS,
            description="null: pix2pix-<data.name>",
        ),
    ]
