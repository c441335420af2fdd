"""The search for better parameters: what is varied, how it is judged, and what a trial gets."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.strict import STRICT

Value = bool | int | float | str | None  # of a parameter that may be varied

Objective = Literal["l1", "l1_and_frechet", "l1_and_kid"]

_Key = Annotated[
    str, Field(pattern=r"^[a-z_]+(\.[a-z0-9_]+)+$", description="dotted key of params.yaml")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Uniform:
    """Every number between two is as likely."""

    __pydantic_config__ = STRICT

    key: _Key
    kind: Literal["uniform"]
    low: Annotated[float, Field(description="least value")]
    high: Annotated[float, Field(description="greatest value")]

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogUniform:
    """Every order of magnitude between two numbers is as likely."""

    __pydantic_config__ = STRICT

    key: _Key
    kind: Literal["loguniform"]
    low: Annotated[float, Field(gt=0, description="least value")]
    high: Annotated[float, Field(gt=0, description="greatest value")]

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantised:
    """Every one of low, low + step, ..., high is as likely; whole numbers stay whole."""

    __pydantic_config__ = STRICT

    key: _Key
    kind: Literal["quantised"]
    low: Annotated[int | float, Field(description="least value")]
    high: Annotated[int | float, Field(description="greatest value")]
    step: Annotated[int | float, Field(gt=0, description="between neighbours")]

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        num_steps = (self.high - self.low) / self.step
        if abs(num_steps - round(num_steps)) > 1e-9 * num_steps:
            raise ValueError(f"high ({self.high}) is not low + a multiple of step ({self.step})")

    @property
    def is_whole(self) -> bool:
        """Whether the values are integers."""
        return all(isinstance(part, int) for part in (self.low, self.high, self.step))


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Every listed value is as likely."""

    __pydantic_config__ = STRICT

    key: _Key
    kind: Literal["choice"]
    values: Annotated[tuple[Value, ...], Field(min_length=2, description="what to choose from")]


Dimension = Annotated[Uniform | LogUniform | Quantised | Choice, Field(discriminator="kind")]


def _check_order(low: float, high: float) -> None:
    if low >= high:
        raise ValueError(f"low ({low}) must be less than high ({high})")


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneConfig:
    """The search for better parameters (stage tune), judged on the dev split alone."""

    __pydantic_config__ = STRICT

    space: Annotated[
        tuple[Dimension, ...],
        Field(min_length=1, description="what is varied: keys of augment, model and train"),
    ]
    num_trials: Annotated[int, Field(ge=1, description="parameter sets that are tried")]
    num_epochs: Annotated[
        int | None,
        Field(ge=1, description="of a trial, at the full rate; null: as train, with its decay"),
    ]
    objective: Annotated[
        Objective,
        Field(description="dev L1, or dev L1 and a feature distance as a Pareto pair"),
    ]
    sampler: Annotated[
        Literal["optuna", "random"], Field(description="optuna: learns from trials (TPE)")
    ]
    num_random_trials: Annotated[
        int, Field(ge=1, description="drawn at random before Optuna's sampler learns")
    ]
    scheduler: Annotated[
        Literal["asha", "pbt", "none"],
        Field(description="asha: stops trials that fall behind; pbt: these go on from better ones"),
    ]
    grace_epochs: Annotated[int, Field(ge=1, description="epochs before ASHA may stop a trial")]
    reduction_factor: Annotated[
        float, Field(gt=1, description="one in so many trials passes each of ASHA's rungs")
    ]
    exchange_epochs: Annotated[int, Field(ge=1, description="of pbt, between two exchanges")]
    exchange_share: Annotated[
        float, Field(gt=0, le=0.5, description="of pbt's trials, that go on from better ones")
    ]
    seed: Annotated[int, Field(ge=0, lt=2**32, description="of the sampler")]
    num_seeds: Annotated[
        int, Field(ge=0, description="on which winner and default are run again; 0: gain unknown")
    ]
    num_workers: Annotated[
        int, Field(ge=1, description="of a trial; 1: trained in the trial's own process")
    ]
    cpus_per_worker: Annotated[int, Field(ge=1, description="logical CPUs, and torch's threads")]
    gpus_per_worker: Annotated[
        float, Field(ge=0, description="0: none; a fraction: several trials share one")
    ]
    max_concurrent_trials: Annotated[
        int | None, Field(ge=1, description="null: as many as the cluster has room for")
    ]

    def __post_init__(self) -> None:
        keys = [dimension.key for dimension in self.space]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"space names {', '.join(twice)} more than once")
        if self.num_seeds == 1:
            raise ValueError("num_seeds: one seed has no band; use 0 or at least 2")
        if self.objective != "l1" and self.scheduler != "none":
            raise ValueError(
                f"objective: {self.objective} needs scheduler: none; {self.scheduler} knows dev L1 "
                "alone and would give up the other end of the front"
            )
        if self.scheduler == "pbt":
            self._check_population()
        gpus = self.gpus_per_worker
        if gpus > 1 or (self.num_workers > 1 and gpus not in (0, 1)):
            raise ValueError("gpus_per_worker must be at most 1; with several workers 0 or 1")

    def _check_population(self) -> None:
        if self.num_trials < 2:
            raise ValueError("scheduler: pbt needs num_trials of at least 2, to exchange states")
        if self.num_epochs is None:
            raise ValueError("scheduler: pbt needs num_epochs: exchanges set the rate, no decay")
        if self.exchange_epochs >= self.num_epochs:
            raise ValueError(
                f"scheduler: pbt with exchange_epochs ({self.exchange_epochs}) not below "
                f"num_epochs ({self.num_epochs}) never exchanges anything"
            )
