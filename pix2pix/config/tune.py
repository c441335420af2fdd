"""Parameters of the search: what varies, how trials are compared, and their resources."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from pix2pix.config.patterns import DOTTED_KEY
from pix2pix.config.strict import MAX_COUNT, STRICT, Count, CountFromZero, Seed

Value = bool | int | float | str | None  # of a parameter that may be varied

Objective = Literal["l1", "l1_and_frechet", "l1_and_kid"]

_Key = Annotated[str, Field(pattern=DOTTED_KEY, description="dotted key of params.yaml")]

_Number = Annotated[int | float, Field(ge=-MAX_COUNT, le=MAX_COUNT)]
_MAX_STEPS = 10_000  # of a quantised parameter, whose values are listed


@dataclass(frozen=True, kw_only=True, slots=True)
class Uniform:
    """All numbers between two are equally likely."""

    __pydantic_config__ = STRICT

    key: _Key
    """Dotted key of the parameter that varies, such as train.beta1."""

    kind: Literal["uniform"]
    """uniform: every number from low to high is equally likely."""

    low: float
    """Lowest value."""

    high: float
    """Highest value."""

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogUniform:
    """All orders of magnitude between two numbers are equally likely."""

    __pydantic_config__ = STRICT

    key: _Key
    """Dotted key of the parameter that varies, such as train.learning_rate."""

    kind: Literal["loguniform"]
    """loguniform: every order of magnitude from low to high is equally likely."""

    low: Annotated[float, Field(gt=0)]
    """Lowest value, above 0."""

    high: Annotated[float, Field(gt=0)]
    """Highest value."""

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantised:
    """All of low, low + step, ..., high are equally likely; whole numbers stay whole."""

    __pydantic_config__ = STRICT

    key: _Key
    """Dotted key of the parameter that varies, such as model.base_channels."""

    kind: Literal["quantised"]
    """quantised: every one of low, low + step, and so on up to high is equally likely."""

    low: _Number
    """Lowest value."""

    high: _Number
    """Highest value; low plus a multiple of step, at most 10000 of them."""

    step: Annotated[int | float, Field(gt=0, le=MAX_COUNT)]
    """Difference between two neighbouring values, above 0."""

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        if self.high - self.low > _MAX_STEPS * self.step:
            raise ValueError(
                f"step ({self.step}) divides low ({self.low}) to high ({self.high}) into more than "
                f"{_MAX_STEPS} parts: raise it, or use kind: uniform"
            )
        num_steps = (self.high - self.low) / self.step
        if abs(num_steps - round(num_steps)) > 1e-9 * num_steps:
            raise ValueError(f"high ({self.high}) is not low + a multiple of step ({self.step})")

    @property
    def is_whole(self) -> bool:
        """Whether the values are integers."""
        return all(isinstance(part, int) for part in (self.low, self.high, self.step))


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """All listed values are equally likely."""

    __pydantic_config__ = STRICT

    key: _Key
    """Dotted key of the parameter that varies, such as model.norm."""

    kind: Literal["choice"]
    """choice: every listed value is equally likely."""

    values: Annotated[tuple[Value, ...], Field(min_length=2)]
    """Values to choose from, at least two."""


Dimension = Annotated[Uniform | LogUniform | Quantised | Choice, Field(discriminator="kind")]


def _check_order(low: float, high: float) -> None:
    if low >= high:
        raise ValueError(f"low ({low}) must be less than high ({high})")


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneConfig:
    """The search for better parameters (stage tune), which uses only train and dev split."""

    __pydantic_config__ = STRICT

    space: Annotated[tuple[Dimension, ...], Field(min_length=1)]
    """Parameters that vary from trial to trial, each a key of augment, model or train with the
    values that it may have (docs/tuning.md)."""

    num_trials: Count
    """Number of trials, each a short training with values of its own, at least 1. More trials
    search better and take longer."""

    num_epochs: Count | None
    """Number of epochs of each trial at the full learning rate, at least 1. Null: as long as a
    training, with its falling learning rate."""

    objective: Objective
    """What is minimised on the dev split: l1, or l1 together with a distance of image features
    (l1_and_frechet, l1_and_kid). Two objectives give a set of best compromises and need scheduler:
    none."""

    sampler: Literal["optuna", "random"]
    """How new values are chosen: optuna (learns from finished trials, by TPE) or random
    (independent of other trials)."""

    num_random_trials: Count
    """Number of first trials with random values, at least 1, from which Optuna's sampler then
    learns."""

    scheduler: Literal["asha", "pbt", "none"]
    """What happens to bad trials while they run: asha stops them early, pbt lets them go on from
    copies of better trials, none lets every trial run to its end."""

    grace_epochs: Count
    """Number of epochs that each trial runs before ASHA may stop it, at least 1. Raise it where
    good trials start slowly."""

    reduction_factor: Annotated[float, Field(gt=1)]
    """How strictly ASHA stops trials, above 1: at each of its decisions one trial in so many goes
    on. With 3, the best third goes on."""

    exchange_epochs: Count
    """Number of epochs between two exchanges of population-based training (scheduler: pbt), at
    least 1 and less than num_epochs."""

    exchange_share: Annotated[float, Field(gt=0, le=0.5)]
    """Share of the trials that copy a better trial at each exchange of population-based training
    (scheduler: pbt), above 0 and at most 0.5."""

    seed: Seed
    """Seed of the values that are chosen, from 0 to 2^32 - 1."""

    num_seeds: CountFromZero
    """Number of further seeds on which the best and the unchanged parameters are trained again, to
    tell a gain from noise: 0 (the gain is not measured) or at least 2."""

    num_workers: Count
    """Number of workers of each trial, at least 1. With 1 the trial trains in its own process; with
    more, each trial starts a group of workers."""

    cpus_per_worker: Count
    """Number of logical CPUs of each worker of a trial, and of the threads that it computes with,
    at least 1."""

    gpus_per_worker: Annotated[float, Field(ge=0)]
    """Share of a GPU that each worker of a trial gets, from 0 (it trains on CPUs) to 1 (a GPU of
    its own). With 0.5, two trials share a GPU; not for trials of several workers."""

    max_concurrent_trials: Count | None
    """Largest number of trials that run at the same time, at least 1. Null: as many as the cluster
    has room for."""

    def __post_init__(self) -> None:
        keys = [dimension.key for dimension in self.space]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"space names {', '.join(twice)} more than once")
        if self.num_seeds == 1:
            raise ValueError("num_seeds: one seed gives no interval; use 0 or at least 2")
        if self.objective != "l1" and self.scheduler != "none":
            raise ValueError(
                f"objective: {self.objective} needs scheduler: none; {self.scheduler} uses only "
                "dev L1 and would stop trials that are good in the other objective"
            )
        if self.scheduler == "pbt":
            self._check_population()
        gpus = self.gpus_per_worker
        if gpus > 1 or (self.num_workers > 1 and gpus not in (0, 1)):
            raise ValueError(
                f"gpus_per_worker must be at most 1, and with several workers 0 or 1, got {gpus:g}"
            )

    def _check_population(self) -> None:
        if self.num_workers > 1:
            raise ValueError(
                "scheduler: pbt needs num_workers: 1, because trials copy states of others"
            )
        if self.max_concurrent_trials is not None:
            raise ValueError(
                "scheduler: pbt needs max_concurrent_trials: null; all trials of a population run "
                "at the same time, or take turns if the cluster has no room for all"
            )
        if self.num_trials < 2:
            raise ValueError("scheduler: pbt needs num_trials of at least 2, to exchange states")
        if self.num_epochs is None:
            raise ValueError("scheduler: pbt needs num_epochs: the learning rate does not decay")
        if self.exchange_epochs >= self.num_epochs:
            raise ValueError(
                f"scheduler: pbt with exchange_epochs ({self.exchange_epochs}) not below "
                f"num_epochs ({self.num_epochs}) never exchanges anything"
            )
