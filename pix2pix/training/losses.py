"""The two objectives (Isola et al. 2017, sec. 3.1)."""

# Logits are (N, 1, H, W); images (N, C, H, W) in [-1, 1].

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.config import TrainConfig
from pix2pix.training.counted import Counted

_Term = TypeVar("_Term", Tensor, float)


class StepLosses(NamedTuple):
    """The unweighted terms of a step: detached scalars, means over this rank's share of the batch.

    Where pixels are masked, the mean of the ranks' terms is the mean over the batch, see `counted`.

    The discriminator's terms are computed before its update, the generator's adversarial term with
    the updated discriminator.
    """

    discriminator_fake: Tensor
    discriminator_real: Tensor
    adversarial: Tensor
    l1: Tensor


class DiscriminatorLoss(NamedTuple):
    """The discriminator's loss and its two terms, scalars; `total` is minimised."""

    total: Tensor
    real: Tensor
    fake: Tensor


def discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, counted: Counted | None = None
) -> DiscriminatorLoss:
    """Return the cross-entropy over patches, halved to slow D (Isola et al. 2017, sec. 3.3).

    Both inputs are (N, 1, H, W) logits; the results are float32 scalars. `counted` says which
    patches count; None: all.
    """
    real = _cross_entropy(real_logits, torch.ones_like(real_logits), counted)
    fake = _cross_entropy(fake_logits, torch.zeros_like(fake_logits), counted)
    return DiscriminatorLoss(total=0.5 * (real + fake), real=real, fake=fake)


def adversarial_loss(fake_logits: Tensor, counted: Counted | None = None) -> Tensor:
    """Return the non-saturating loss of the generator, low if fakes look real (sec. 3.3)."""
    return _cross_entropy(fake_logits, torch.ones_like(fake_logits), counted)


def generator_loss(adversarial: _Term, l1: _Term, config: TrainConfig) -> _Term:
    """Return the weighted sum of the generator's terms (eq. 4), which is minimised and logged."""
    return config.lambda_adversarial * adversarial + config.lambda_l1 * l1


def l1_loss(fake: Tensor, target: Tensor, counted: Counted | None = None) -> Tensor:
    """Return the mean absolute difference (eq. 3), in [0, 2] for images in [-1, 1].

    `counted` says which pixels count; None: all.
    """
    if counted is None:
        return F.l1_loss(fake, target)
    return counted.mean((fake - target).abs())


def _cross_entropy(logits: Tensor, answers: Tensor, counted: Counted | None) -> Tensor:
    if counted is None:
        return F.binary_cross_entropy_with_logits(logits, answers)
    return counted.mean(F.binary_cross_entropy_with_logits(logits, answers, reduction="none"))
