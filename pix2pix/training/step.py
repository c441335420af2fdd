"""One optimisation step: the discriminator, then the generator (Isola et al. 2017, sec. 3.3)."""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from pix2pix.config import TrainConfig
from pix2pix.training.distributed import unwrap
from pix2pix.training.losses import adversarial_loss, discriminator_loss, l1_loss
from pix2pix.training.precision import autocast
from pix2pix.training.state import TrainState


class StepLosses(NamedTuple):
    """Unweighted terms of one step, detached scalars.

    D's terms are before its update; G's adversarial term is after D's update, as it is minimised.
    """

    discriminator_fake: Tensor
    discriminator_real: Tensor
    adversarial: Tensor
    l1: Tensor


class NonFiniteLossError(ValueError):
    """A loss was not a finite number; the network it belongs to was not updated."""

    def __init__(self, terms: dict[str, float], step: int) -> None:
        super().__init__(
            f"non-finite loss in step {step} ("
            + ", ".join(f"{name} {value:g}" for name, value in terms.items())
            + "); the update was not made. Lower train.learning_rate, use precision: float32, or "
            "look at the batch"
        )
        self.terms = terms
        self.step = step

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, float], int]]:
        # It crosses from a worker to the driver; by default only the message would.
        return type(self), (self.terms, self.step)


def train_step(
    state: TrainState, source: Tensor, target: Tensor, config: TrainConfig
) -> StepLosses:
    """Update both networks once on a batch (N, C, H, W) in [-1, 1], on the networks' device.

    Raises NonFiniteLossError before the update that a non-finite loss would spoil.
    """
    with autocast(config, source.device):
        fake = state.generator(source)
    fake_loss, real_loss = _update_discriminator(state, source, target, fake.detach(), config)
    adversarial, l1 = _update_generator(state, source, target, fake, config)
    state.step += 1
    return StepLosses(fake_loss, real_loss, adversarial, l1)


def _update_discriminator(
    state: TrainState, source: Tensor, target: Tensor, fake: Tensor, config: TrainConfig
) -> tuple[Tensor, Tensor]:
    with autocast(config, source.device):
        # Two passes, not one joint batch: batch norm must not mix fakes with reals.
        fake_logits = state.discriminator(torch.cat([source, fake], dim=1))
        real_logits = state.discriminator(torch.cat([source, target], dim=1))
    loss = discriminator_loss(real_logits.float(), fake_logits.float())
    _check_finite(state.step, discriminator_fake=loss.fake, discriminator_real=loss.real)
    state.discriminator_optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss.total)
    state.discriminator_optimizer.step()
    return loss.fake.detach(), loss.real.detach()


def _update_generator(
    state: TrainState, source: Tensor, target: Tensor, fake: Tensor, config: TrainConfig
) -> tuple[Tensor, Tensor]:
    # Without the wrapper: it would wait for gradients that D does not get here.
    discriminator = unwrap(state.discriminator).requires_grad_(False)
    with autocast(config, source.device):
        fake_logits = discriminator(torch.cat([source, fake], dim=1))
    adversarial = adversarial_loss(fake_logits.float())
    l1 = l1_loss(fake.float(), target)
    discriminator.requires_grad_(True)
    total = config.lambda_adversarial * adversarial + config.lambda_l1 * l1
    _check_finite(state.step, adversarial=adversarial, l1=l1, weighted_sum=total)
    state.generator_optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(total)
    state.generator_optimizer.step()
    return adversarial.detach(), l1.detach()


def _check_finite(step: int, **terms: Tensor) -> None:
    values = dict(zip(terms, torch.stack(list(terms.values())).tolist(), strict=True))
    if not all(value - value == 0.0 for value in values.values()):
        raise NonFiniteLossError(values, step)
