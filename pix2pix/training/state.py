"""The complete state of a training; saving it and loading it back loses nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from pix2pix.config import TrainConfig
from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    PatchDiscriminator,
    UNetGenerator,
    initialize,
)
from pix2pix.training.batch_norm import with_shared_statistics
from pix2pix.training.distributed import gather_over_ranks, rank, unwrap, world_size
from pix2pix.training.seeding import seed_networks

_NUM_LOSSES = 4  # fields of StepLosses

Wrap = Callable[[nn.Module], nn.Module]
Record = Mapping[str, float]  # of an epoch, in a history


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The networks of the epoch with the lowest dev L1 so far."""

    epoch: int
    dev: dict[str, float]
    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]


@dataclass
class TrainState:
    """Networks (possibly wrapped for several workers), optimisers, position, best so far.

    The random state of every rank is `seed` with the position: each draw is a function of
    (seed, step, rank), see `seeding`, so there is no generator state that could disagree with it.
    """

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: Adam
    discriminator_optimizer: Adam
    seed: int
    epoch: int = 0  # finished passes over the training split
    step: int = 0  # finished optimiser updates
    batch: int = 0  # finished batches of the pass that is under way
    loss_sums: Tensor = field(init=False)  # (4,) float64, over those batches, this rank's part
    history: list[dict[str, float]] = field(default_factory=list)  # one record per epoch result
    best: Best | None = None

    def __post_init__(self) -> None:
        self.clear_losses()

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.generator.parameters()).device

    def clear_losses(self) -> None:
        """Begin the sums of a new pass."""
        self.loss_sums = torch.zeros(_NUM_LOSSES, dtype=torch.float64, device=self.device)

    def keep_as_best(self, dev: dict[str, float]) -> None:
        """Copy the networks as they are now, with their scores on the dev split."""
        self.best = Best(
            epoch=self.epoch,
            dev=dev,
            generator=_copied(unwrap(self.generator)),
            discriminator=_copied(unwrap(self.discriminator)),
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything as plain values and tensors, without the wrappers.

        Collective: every rank calls it, and gets what all of them have.
        """
        return {
            "generator": unwrap(self.generator).state_dict(),
            "discriminator": unwrap(self.discriminator).state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "seed": self.seed,
            "epoch": self.epoch,
            "step": self.step,
            "batch": self.batch,
            "ranks": gather_over_ranks(self._own_values()).cpu(),
            "history": self.history,
            "best": None if self.best is None else _fields(self.best),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become the state that `state_dict` described.

        With as many ranks as then, each becomes what it was; otherwise what each rank had of its
        own becomes the mean of all. Raises ValueError if it was trained with another seed.
        """
        if state["seed"] != self.seed:
            raise ValueError(f"this state was trained with seed {state['seed']}, not {self.seed}")
        unwrap(self.generator).load_state_dict(state["generator"])
        unwrap(self.discriminator).load_state_dict(state["discriminator"])
        _load_moments(self.generator_optimizer, state["generator_optimizer"])
        _load_moments(self.discriminator_optimizer, state["discriminator_optimizer"])
        self.epoch, self.step, self.batch = state["epoch"], state["step"], state["batch"]
        of_ranks = state["ranks"]
        is_same_size = len(of_ranks) == world_size()
        self._set_own_values(of_ranks[rank()] if is_same_size else of_ranks.mean(dim=0))
        self.history = list(state["history"])
        self.best = None if state["best"] is None else Best(**state["best"])

    def _own_values(self) -> Tensor:
        """What differs between ranks, (n,) float64, which holds a float32 exactly."""
        parts = [self.loss_sums, *self._statistics()]
        return torch.cat([part.detach().double().flatten() for part in parts])

    def _set_own_values(self, values: Tensor) -> None:
        sizes = [self.loss_sums.numel(), *(part.numel() for part in self._statistics())]
        losses, *statistics = torch.split(values, sizes)
        self.loss_sums = losses.to(self.device, copy=True)
        for part, own in zip(self._statistics(), statistics, strict=True):
            part.copy_(own.view_as(part))

    def _statistics(self) -> list[Tensor]:
        """Running statistics of batch norm, which each rank gathers from its own shares."""
        networks = (self.generator, self.discriminator)
        buffers = (buffer for network in networks for buffer in network.buffers())
        return [buffer for buffer in buffers if buffer.is_floating_point()]


def _load_moments(optimizer: Adam, state: dict[str, Any]) -> None:
    """Load a state, but for its betas: like the rate they are those of the training that goes on.

    They differ where a trial of a population goes on from the state of another.
    """
    own = [group["betas"] for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, betas in zip(optimizer.param_groups, own, strict=True):
        group["betas"] = betas


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}


def _fields(best: Best) -> dict[str, Any]:
    return {field.name: getattr(best, field.name) for field in fields(best)}


def new_state(
    generator_config: GeneratorConfig,
    discriminator_config: DiscriminatorConfig,
    *,
    config: TrainConfig,
    wrap: Wrap = lambda network: network,
) -> TrainState:
    """Untrained networks, equal on every rank, and their optimisers.

    `wrap` moves a network to its device and prepares it for several workers.
    """
    seed_networks(config.seed)
    networks = [UNetGenerator(generator_config), PatchDiscriminator(discriminator_config)]
    for network in networks:
        initialize(network)
    return state_of(*networks, config=config, wrap=wrap)


def state_of(
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    config: TrainConfig,
    wrap: Wrap = lambda network: network,
) -> TrainState:
    """The state that starts from these weights, with fresh optimisers."""
    if config.sync_batch_norm:
        generator, discriminator = map(with_shared_statistics, (generator, discriminator))
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    generator, discriminator = (
        wrap(network.to(memory_format=layout)) for network in (generator, discriminator)
    )
    return TrainState(
        generator=generator.train(),
        discriminator=discriminator.train(),
        generator_optimizer=_adam(generator, config),
        discriminator_optimizer=_adam(discriminator, config),
        seed=config.seed,
    )


def _adam(network: nn.Module, config: TrainConfig) -> Adam:
    return Adam(
        network.parameters(),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )
