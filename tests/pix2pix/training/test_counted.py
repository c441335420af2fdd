"""Losses over the pixels that count; `test_distributed` has those of several workers."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix.config import Params
from pix2pix.models import DiscriminatorConfig, PatchDiscriminator
from pix2pix.training.counted import Counted, masks_of
from pix2pix.training.dev import dev_metrics
from pix2pix.training.losses import adversarial_loss, l1_loss
from pix2pix.valid_pixels import Pairs, with_target_where_masked
from tests.support.checked_step import checked_step
from tests.support.deviation import deviation, gradients
from tests.support.drawn_batches import state_of

BATCH_SIZE = 4


def _params(params: Params, **train: Any) -> Params:
    model = dataclasses.replace(params.model, norm="none", dropout=0.0)
    config = dataclasses.replace(params.train, batch_size=BATCH_SIZE, **train)
    return dataclasses.replace(params, model=model, train=config)


def _batch(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Four pairs: everything counts, a half, single pixels, nothing."""
    random = torch.Generator().manual_seed(seed)
    source = torch.rand(BATCH_SIZE, 3, 32, 32, generator=random) * 2 - 1
    valid = torch.ones(BATCH_SIZE, 1, 32, 32, dtype=torch.bool)
    valid[1, :, :, 16:] = False
    valid[2] = torch.rand(1, 32, 32, generator=random) < 0.1
    valid[3] = False
    target = torch.where(valid, -source.flip(1), -1.0)
    return source, target, valid


def test_l1_is_the_mean_over_the_pixels_that_count_and_has_no_gradient_elsewhere() -> None:
    _, target, valid = _batch()
    fake = torch.zeros_like(target, requires_grad=True)
    pixels = masks_of(valid, PatchDiscriminator(DiscriminatorConfig())).pixels
    loss = l1_loss(with_target_where_masked(fake, target, valid), target, pixels)
    expected = target.abs()[valid.expand_as(target)].mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    loss.backward()
    assert fake.grad is not None
    outside = fake.grad[~valid.expand_as(target)]
    assert torch.equal(outside, torch.zeros_like(outside))
    inside = fake.grad[valid.expand_as(target)]
    torch.testing.assert_close(inside.abs(), torch.full_like(inside, 1 / inside.numel()))


def test_nothing_that_counts_is_a_loss_of_zero() -> None:
    valid = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    masks = masks_of(valid, PatchDiscriminator(DiscriminatorConfig()))
    assert l1_loss(torch.ones(2, 3, 32, 32), torch.zeros(2, 3, 32, 32), masks.pixels).item() == 0
    assert adversarial_loss(torch.ones(masks.patches.values.shape), masks.patches).item() == 0


@pytest.mark.parametrize("num_layers", [0, 1, 2, 3])
def test_a_patch_counts_if_the_discriminator_sees_a_valid_pixel_in_it(num_layers: int) -> None:
    """Compared with the gradients of each logit."""
    torch.manual_seed(0)
    config = DiscriminatorConfig(in_channels=2, base_channels=2, num_layers=num_layers, norm="none")
    network = PatchDiscriminator(config)
    valid = torch.zeros(1, 1, 48, 40, dtype=torch.bool)
    valid[..., 5:9, 30:] = True
    pair = torch.randn(1, 2, 48, 40, requires_grad=True)
    logits = network(pair)
    found = network.patches_with(valid)
    assert found.shape == logits.shape
    for row in range(logits.shape[2]):
        for column in range(logits.shape[3]):
            (seen,) = torch.autograd.grad(logits[0, 0, row, column], pair, retain_graph=True)
            assert found[0, 0, row, column] == bool((seen[0, :, valid[0, 0]] != 0).any())


def test_a_mask_of_everything_is_no_mask(small_params: Params) -> None:
    params = _params(small_params)
    states = [state_of(params) for _ in range(2)]
    source, target, valid = _batch()
    losses = [
        torch.stack(checked_step(state, source, target, params.train, valid=mask))
        for state, mask in zip(states, (None, torch.ones_like(valid)), strict=True)
    ]
    torch.testing.assert_close(losses[0], losses[1])
    assert deviation(gradients(states[1]), gradients(states[0])) < 1e-5


def test_a_pair_of_which_nothing_counts_changes_no_update(small_params: Params) -> None:
    params = _params(small_params)
    with_it, without = (state_of(params) for _ in range(2))
    source, target, valid = _batch()
    losses = torch.stack(checked_step(with_it, source, target, params.train, valid=valid))
    alone = (images[:3] for images in (source, target))
    expected = torch.stack(checked_step(without, *alone, params.train, valid=valid[:3]))
    torch.testing.assert_close(losses, expected)
    assert deviation(gradients(with_it), gradients(without)) < 1e-5


def test_the_discriminator_sees_no_fake_where_nothing_counts(small_params: Params) -> None:
    """A generator that draws something else there alone changes neither losses nor gradients."""
    params = _params(small_params)
    source, target, valid = _batch()
    found = []
    for disturbance in (0.0, 5.0):
        state = state_of(params)
        state.generator.register_forward_hook(
            lambda _module, _args, fake, by=disturbance: torch.where(valid, fake, fake + by)
        )
        losses = torch.stack(checked_step(state, source, target, params.train, valid=valid))
        found.append((losses, gradients(state)))
    assert torch.equal(found[0][0], found[1][0])
    assert all(torch.equal(value, found[1][1][name]) for name, value in found[0][1].items())


@pytest.mark.parametrize("num_parts", [2, 3, 4])
def test_parts_of_a_share_give_the_update_of_the_whole(
    small_params: Params, num_parts: int
) -> None:
    states, losses = [], []
    for parts in (1, num_parts):
        params = _params(small_params, num_microbatches=parts)
        states.append(state_of(params))
        source, target, valid = _batch()
        losses.append(
            torch.stack(checked_step(states[-1], source, target, params.train, valid=valid))
        )
    torch.testing.assert_close(losses[0], losses[1])
    assert deviation(gradients(states[1]), gradients(states[0])) < 1e-5


def test_dev_l1_is_the_mean_over_images_of_the_mean_over_valid_pixels(small_params: Params) -> None:
    state = state_of(_params(small_params))
    source, target, valid = _batch()
    batch = Pairs(source[:3], target[:3], valid[:3])
    scores = dev_metrics(state.generator, [batch], seed=0)
    alone = [
        dev_metrics(
            state.generator, [Pairs(*(part[[i]] for part in (source, target, valid)))], seed=0
        )
        for i in range(3)
    ]
    mean = sum(each["dev/l1_deterministic"] for each in alone) / 3
    assert scores["dev/l1_deterministic"] == pytest.approx(mean)


def test_each_value_of_a_loss_has_the_same_weight() -> None:
    """Two parts with one and with three values that count: the mean of the four."""
    parts = [torch.tensor([[[[True, False]]]]), torch.tensor([[[[True, True]]], [[[True, False]]]])]
    losses = [torch.tensor([[[[1.0, 99.0]]]]), torch.tensor([[[[2.0, 3.0]]], [[[6.0, 99.0]]]])]
    per_pair = torch.tensor(4 / 3)
    means = [
        Counted(part, per_pair).mean(loss) * len(part) / 3
        for part, loss in zip(parts, losses, strict=True)
    ]
    assert sum(means).item() == pytest.approx((1 + 2 + 3 + 6) / 4)


def test_dev_l1_does_not_depend_on_the_batches_as_each_image_has_the_same_dropout(
    small_params: Params,
) -> None:
    model = dataclasses.replace(small_params.model, depth=5, dropout_layout="torch")
    assert model.dropout > 0
    state = state_of(dataclasses.replace(small_params, model=model))
    source, target, _ = _batch()
    whole = dev_metrics(state.generator, [Pairs(source, target)], seed=3)
    parts = [Pairs(*pair) for pair in zip(source.split(1), target.split(1), strict=True)]
    alone = dev_metrics(state.generator, parts, seed=3)
    other = dev_metrics(state.generator, parts, seed=4)
    assert whole["dev/l1_published"] == pytest.approx(alone["dev/l1_published"], rel=1e-6)
    assert other["dev/l1_published"] != pytest.approx(alone["dev/l1_published"], rel=1e-6)
