"""All that a training is at one moment; saving it and loading it back loses nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim import Adam

from pix2pix.config import TrainConfig
from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    PatchDiscriminator,
    UNetGenerator,
    initialize,
)
from pix2pix.training.distributed import unwrap
from pix2pix.training.seeding import seed_networks

Wrap = Callable[[nn.Module], nn.Module]


@dataclass
class TrainState:
    """Networks (possibly wrapped for several workers), optimisers and position.

    There is no random state in it: every draw is a function of (seed, position).
    """

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: Adam
    discriminator_optimizer: Adam
    epoch: int = 0  # finished passes over the training split
    step: int = 0  # finished optimiser updates
    history: list[dict[str, float]] = field(default_factory=list)  # one record per epoch result

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.generator.parameters()).device

    def state_dict(self) -> dict[str, Any]:
        """Everything as plain values and tensors, without the wrappers."""
        return {
            "generator": unwrap(self.generator).state_dict(),
            "discriminator": unwrap(self.discriminator).state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "history": self.history,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become the state that `state_dict` described."""
        unwrap(self.generator).load_state_dict(state["generator"])
        unwrap(self.discriminator).load_state_dict(state["discriminator"])
        self.generator_optimizer.load_state_dict(state["generator_optimizer"])
        self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.history = list(state["history"])


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
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    generator, discriminator = (
        wrap(network.to(memory_format=layout)) for network in (generator, discriminator)
    )
    return TrainState(
        generator=generator.train(),
        discriminator=discriminator.train(),
        generator_optimizer=_adam(generator, config),
        discriminator_optimizer=_adam(discriminator, config),
    )


def _adam(network: nn.Module, config: TrainConfig) -> Adam:
    return Adam(
        network.parameters(),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )
