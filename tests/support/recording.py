"""The recorded numbers of the published implementation: inputs, weights, losses."""

from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

_SHIPPED = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module", params=["unet128_small", "unet256"])
def recorded(request: pytest.FixtureRequest) -> dict[str, Tensor]:
    """A recording by tensor name: of small networks, then of the published sizes."""
    shipped = _SHIPPED / f"{request.param}.safetensors"
    if shipped.is_file():
        return load_file(shipped)
    return load_file(request.getfixturevalue("reference_dir") / shipped.name)


def weights_of(recorded: dict[str, Tensor], network: str) -> dict[str, Tensor]:
    """Copies of the weights of a network, by their published names."""
    prefix = f"{network}."
    return {
        key.removeprefix(prefix): value.clone()
        for key, value in recorded.items()
        if key.startswith(prefix)
    }
