"""How a model is scored, and where it is registered."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pix2pix.config.strict import STRICT


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

    experiment: Annotated[str, Field(min_length=1, description="MLflow experiment")]
    model_name: Annotated[str | None, Field(min_length=1, description="null: pix2pix-<data.name>")]
