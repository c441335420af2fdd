"""The published recipe in plain PyTorch (Isola et al. 2017, sec. 3 and 6): what rows are held to.

The networks have the layout and the names of the authors' PyTorch files, so that their weights load
as they are. A step does what their training does, in its order: no shared passes, no fused
optimiser, float32, channels first, each kernel started by the host. TF32 is torch's default, and
cuDNN measures which of its algorithms is fastest, as the authors' training asks it to.
"""

# Images are (N, 3, H, W) float32 in [-1, 1].

import torch
from torch import Tensor, nn
from torch.backends import cudnn
from torch.nn import functional as F

LAMBDA_L1 = 100.0
_STD = 0.02  # of first weights


class _Level(nn.Module):
    """A level of the U-Net, which contains the levels inside it and passes its input by them."""

    def __init__(self, down: list[nn.Module], inner: nn.Module | None, up: list[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*down, *([] if inner is None else [inner]), *up)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.model(x)], dim=1)


class Generator(nn.Module):
    """`unet_256` or, with depth 7, `unet_128`; `width` is ngf."""

    def __init__(self, *, width: int = 64, depth: int = 8, dropout: float = 0.5) -> None:
        super().__init__()
        inner: nn.Module | None = None
        for level in reversed(range(1, depth)):
            outside, inside = (min(2**each, 8) * width for each in (level - 1, level))
            inner = _hidden_level(outside, inside, inner, dropout if level >= 4 else 0.0)
        assert inner is not None
        outer = _Level(
            [nn.Conv2d(3, width, 4, 2, 1, bias=False)],
            inner,
            [nn.ReLU(inplace=True), nn.ConvTranspose2d(2 * width, 3, 4, 2, 1), nn.Tanh()],
        )
        outer.forward = outer.model.forward  # type: ignore[method-assign]
        self.model = outer

    def forward(self, source: Tensor) -> Tensor:
        """Translate a batch."""
        fake: Tensor = self.model(source)
        return fake


def _hidden_level(outside: int, inside: int, inner: nn.Module | None, dropout: float) -> nn.Module:
    """A level between `outside` channels and `inside` ones; the innermost contains no other."""
    down: list[nn.Module] = [
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(outside, inside, 4, 2, 1, bias=False),
    ]
    if inner is not None:
        down.append(nn.BatchNorm2d(inside))
    inputs = inside if inner is None else 2 * inside
    up: list[nn.Module] = [
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(inputs, outside, 4, 2, 1, bias=False),
        nn.BatchNorm2d(outside),
    ]
    if inner is not None and dropout > 0:
        up.append(nn.Dropout(dropout))
    return _Level(down, inner, up)


class Discriminator(nn.Module):
    """The PatchGAN that sees 70x70 px; `width` is ndf."""

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(6, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for number, stride in ((1, 2), (2, 2), (3, 1)):
            channels = (2 ** (number - 1) * width, 2**number * width)
            layers += [
                nn.Conv2d(*channels, 4, stride, 1, bias=False),
                nn.BatchNorm2d(channels[1]),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.model = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))

    def forward(self, pair: Tensor) -> Tensor:
        """Return the logits of source and image, concatenated."""
        logits: Tensor = self.model(pair)
        return logits


class Training:
    """Networks and optimisers, and the step that the authors' training makes."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module) -> None:
        self.generator, self.discriminator = generator.train(), discriminator.train()
        self._adam_g, self._adam_d = (
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for network in (generator, discriminator)
        )

    @cudnn.flags(enabled=True, benchmark=True)
    def step(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Make a step. Returns D's loss on fakes and reals, G's adversarial loss and its L1."""
        fake = self.generator(source)
        self.discriminator.requires_grad_(True)
        self._adam_d.zero_grad()
        on_fake = _cross_entropy(self._judge(source, fake.detach()), is_real=False)
        on_real = _cross_entropy(self._judge(source, target), is_real=True)
        ((on_fake + on_real) * 0.5).backward()
        self._adam_d.step()
        self.discriminator.requires_grad_(False)
        self._adam_g.zero_grad()
        adversarial = _cross_entropy(self._judge(source, fake), is_real=True)
        l1 = F.l1_loss(fake, target)
        (adversarial + LAMBDA_L1 * l1).backward()
        self._adam_g.step()
        return on_fake.detach(), on_real.detach(), adversarial.detach(), l1.detach()

    def _judge(self, source: Tensor, image: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(torch.cat([source, image], dim=1))
        return logits


def new_training(device: torch.device) -> Training:
    """The published sizes for 256 px, with new weights."""
    torch.manual_seed(0)
    generator, discriminator = Generator(), Discriminator()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            is_scale = parameter.ndim == 1 and name.endswith("weight")
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.normal_(parameter, 1.0 if is_scale else 0.0, _STD)
    return Training(generator.to(device), discriminator.to(device))


def _cross_entropy(logits: Tensor, *, is_real: bool) -> Tensor:
    answers = torch.ones_like(logits) if is_real else torch.zeros_like(logits)
    return F.binary_cross_entropy_with_logits(logits, answers)
