import dataclasses

import pytest
import torch

from pix2pix.config import Params
from pix2pix.training.computing import (
    Choice,
    Hardware,
    Units,
    autocast,
    choose_precision,
    cpu_hardware,
    hardware_of,
    slow_precision_warning,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "units", "chosen"),
    [
        ({"architecture": "x86_64", "avx2": True, "avx512_f": True}, Units.NONE, "float32"),
        ({"architecture": "x86_64", "avx512_bf16": True}, Units.VECTOR, "float32"),
        (
            {"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": True},
            Units.MATRIX,
            "bfloat16",
        ),
        ({"architecture": "x86_64", "amx_bf16": False, "amx_int8": True}, Units.NONE, "float32"),
        ({"architecture": "aarch64", "neon": True}, Units.NONE, "float32"),
        ({"architecture": "aarch64", "bf16": True}, Units.VECTOR, "float32"),
        ({}, Units.NONE, "float32"),  # a torch that does not say
    ],
)
def test_auto_chooses_the_faster_precision_of_a_processor(
    flags: dict[str, object], units: Units, chosen: str
) -> None:
    hardware = cpu_hardware(flags)
    assert hardware.units is units
    choice = choose_precision("auto", hardware)
    assert choice.precision == chosen
    assert units.value in choice.reason
    assert slow_precision_warning(choice, hardware) is None


@pytest.mark.parametrize(
    ("capability", "chosen"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")]
)
def test_auto_chooses_the_faster_precision_of_a_gpu(
    capability: tuple[int, int], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    hardware_of.cache_clear()
    assert choose_precision("auto", hardware_of(torch.device("cuda", 0))).precision == chosen
    hardware_of.cache_clear()


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
@pytest.mark.parametrize("units", [*Units])
def test_a_named_precision_is_used_with_a_warning_if_it_is_slow(wanted: str, units: Units) -> None:
    hardware = Hardware("this CPU (X)", units)
    choice = choose_precision(wanted, hardware)  # type: ignore[arg-type]
    assert choice == Choice(wanted, f"precision: {wanted}")  # type: ignore[arg-type]
    cost = slow_precision_warning(choice, hardware)
    if (wanted, units) == ("bfloat16", Units.NONE):
        assert cost is not None
        assert "this CPU (X) has no units for bfloat16: a step may take more than ten times" in cost
    else:
        assert cost is None


@pytest.mark.parametrize("units", [*Units])
def test_networks_run_in_the_chosen_precision(
    units: Units, small_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pix2pix.training.computing.hardware_of", lambda _device: Hardware("X", units)
    )
    for wanted in ("auto", "float32", "bfloat16"):
        config = dataclasses.replace(small_params.train, precision=wanted)  # type: ignore[arg-type]
        with autocast(config, CPU):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        chosen = choose_precision(config.precision, Hardware("X", units)).precision
        assert product.dtype == getattr(torch, chosen)
