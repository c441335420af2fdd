import math

import pytest
import torch

from pix2pix.training.losses import adversarial_loss, discriminator_loss, l1_loss


def test_the_loss_of_logits_zero_is_log_2() -> None:
    """The cross-entropy of probability 0.5. D's loss is the mean of its two terms."""
    zeros = torch.zeros(2, 1, 30, 30)
    loss = discriminator_loss(zeros, zeros)
    for term in (loss.total, loss.real, loss.fake, adversarial_loss(zeros)):
        assert term.item() == pytest.approx(math.log(2), rel=1e-6)


def test_terms_are_the_softplus_of_the_logit_with_its_sign() -> None:
    """-log sigmoid(x) = log(1 + exp(-x)) for reals, log(1 + exp(x)) for fakes."""
    real, fake = torch.full((1, 1, 2, 2), 3.0), torch.full((1, 1, 2, 2), -0.5)
    loss = discriminator_loss(real, fake)
    assert loss.real.item() == pytest.approx(math.log1p(math.exp(-3.0)), rel=1e-6)
    assert loss.fake.item() == pytest.approx(math.log1p(math.exp(-0.5)), rel=1e-6)
    assert loss.total.item() == pytest.approx(0.5 * (loss.real + loss.fake).item(), rel=1e-6)
    assert adversarial_loss(fake).item() == pytest.approx(math.log1p(math.exp(0.5)), rel=1e-6)


def test_the_loss_is_the_mean_of_the_losses_of_the_patches() -> None:
    """It is not the loss of the mean logit."""
    logits = torch.tensor([[[[4.0, -4.0]]]])
    expected = (math.log1p(math.exp(-4)) + math.log1p(math.exp(4))) / 2
    assert adversarial_loss(logits).item() == pytest.approx(expected, rel=1e-6)


def test_l1_is_the_mean_absolute_difference() -> None:
    target = torch.zeros(1, 3, 4, 4)
    fake = target.clone()
    fake[:, 0] = -0.6
    assert l1_loss(fake, target).item() == pytest.approx(0.2, rel=1e-6)
