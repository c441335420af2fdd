import dataclasses
from typing import Any

import pytest
import torch

from pix2pix.config import Params, TrainConfig
from pix2pix.training.computing import (
    TABLE,
    autocast,
    choose,
    memory_layout,
    slow_choices,
    to_memory_layout,
)
from pix2pix.training.hardware import Hardware, Kind, cpu_hardware, hardware_of

CPU = torch.device("cpu")
GPUS = (Kind.GPU, Kind.AMD_GPU, Kind.OLD_GPU)


def _config(params: Params, **values: Any) -> TrainConfig:
    auto = {"precision": "auto", "channels_last": "auto", "compile": "auto"}
    return dataclasses.replace(params.train, **(auto | values))


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ({"architecture": "x86_64", "avx2": True, "avx512_f": True}, Kind.PLAIN_CPU),
        ({"architecture": "x86_64", "avx512_bf16": True}, Kind.VECTOR_CPU),
        ({"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": True}, Kind.MATRIX_CPU),
        ({"architecture": "x86_64", "amx_bf16": False, "amx_int8": True}, Kind.PLAIN_CPU),
        ({"architecture": "aarch64", "neon": True}, Kind.PLAIN_CPU),
        ({"architecture": "aarch64", "bf16": True}, Kind.VECTOR_CPU),
        ({}, Kind.PLAIN_CPU),  # a torch that does not say
    ],
)
def test_the_flags_of_a_processor_say_its_kind(flags: dict[str, object], kind: Kind) -> None:
    assert cpu_hardware(flags).kind is kind


@pytest.mark.parametrize(
    ("capability", "kind"), [((7, 5), Kind.OLD_GPU), ((8, 0), Kind.GPU), ((9, 0), Kind.GPU)]
)
def test_the_compute_capability_says_the_kind_of_a_gpu(
    capability: tuple[int, int], kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "H100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    hardware_of.cache_clear()
    assert hardware_of(torch.device("cuda", 0)) == Hardware("H100", kind)
    hardware_of.cache_clear()


def test_the_table_has_a_row_for_each_kind() -> None:
    assert TABLE.keys() == {*Kind}


@pytest.mark.parametrize("kind", [*Kind])
def test_auto_means_what_the_table_says_and_needs_no_warning(
    kind: Kind, small_params: Params
) -> None:
    config, hardware = _config(small_params), Hardware("this (X)", kind)
    computing = choose(config, hardware)
    assert computing[:3] == TABLE[kind][:3]
    why = TABLE[kind].why
    assert computing.reason == (
        f"this (X) is {kind.value}: {why} (precision, channels_last, compile: auto)"
    )
    assert slow_choices(computing, config, hardware) == []


def test_with_auto_a_processor_without_matrix_units_computes_as_in_earlier_versions(
    small_params: Params,
) -> None:
    for kind in (Kind.PLAIN_CPU, Kind.VECTOR_CPU):
        computing = choose(_config(small_params), Hardware("X", kind))
        assert computing[:3] == ("float32", False, False)


@pytest.mark.parametrize("kind", [*Kind])
def test_a_named_value_is_obeyed_whatever_the_hardware(kind: Kind, small_params: Params) -> None:
    hardware = Hardware("X", kind)
    for precision in ("float32", "bfloat16"):
        for is_last in (False, True):
            config = _config(
                small_params, precision=precision, channels_last=is_last, compile=False
            )
            computing = choose(config, hardware)
            assert computing[:3] == (precision, is_last, False)
            said = f"precision: {precision}; channels_last: {str(is_last).lower()}; compile: false"
            assert computing.reason == said
            warnings = slow_choices(computing, config, hardware)
            is_emulated = precision == "bfloat16" and not hardware.has_bfloat16
            assert any("bfloat16 is emulated here" in each for each in warnings) is is_emulated
            is_slow = is_last != TABLE[kind].channels_last and precision == TABLE[kind].precision
            assert any("train.channels_last" in each for each in warnings) is is_slow


def test_channels_last_is_left_to_the_precision_that_it_is_fast_with(
    small_params: Params,
) -> None:
    config = _config(small_params, precision="float32")
    computing = choose(config, Hardware("H100", Kind.GPU))
    assert computing[:3] == ("float32", False, False)


@pytest.mark.parametrize("kind", [*Kind])
@pytest.mark.parametrize("wanted", ["auto", True])
@pytest.mark.parametrize(
    ("values", "num_workers", "obstacle"),
    [
        ({}, 1, None),
        ({}, 2, "workers exchange gradients"),
        ({"num_microbatches": 2, "batch_size": 2}, 1, "in several microbatches"),
    ],
)
def test_steps_are_replayed_only_where_a_graph_holds_all_of_them(
    kind: Kind,
    wanted: Any,
    values: dict[str, Any],
    num_workers: int,
    obstacle: str | None,
    small_params: Params,
) -> None:
    config, hardware = _config(small_params, compile=wanted, **values), Hardware("X", kind)
    computing = choose(config, hardware, num_workers=num_workers)
    may = TABLE[kind].compile or (wanted is True and kind in GPUS)
    assert computing.compile is (may and obstacle is None)
    if may and obstacle is not None:
        assert obstacle in computing.reason
    ignored = [each for each in slow_choices(computing, config, hardware) if "compile" in each]
    assert bool(ignored) is (wanted is True and not computing.compile)


@pytest.mark.parametrize("kind", [*Kind])
def test_networks_run_in_the_chosen_precision_and_layout(
    kind: Kind, small_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pix2pix.training.computing.hardware_of", lambda _device: Hardware("X", kind)
    )
    for precision in ("auto", "float32", "bfloat16"):
        config = _config(small_params, precision=precision)
        computing = choose(config, Hardware("X", kind))
        with autocast(config, CPU):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == getattr(torch, computing.precision)
        images = to_memory_layout(torch.zeros(2, 3, 4, 4), config)
        assert images.is_contiguous(memory_format=memory_layout(config, CPU))
        is_last = memory_layout(config, CPU) is torch.channels_last
        assert is_last is computing.channels_last
