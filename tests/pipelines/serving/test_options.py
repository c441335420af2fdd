"""What a person may choose about a server, and in which units it is used."""

import pytest
from pydantic import ValidationError

from pipelines.serving.options import ServeOptions


def test_as_few_replicas_as_many_are_allowed_and_fewer_are_not() -> None:
    assert ServeOptions(models=("drawn",), min_replicas=2, max_replicas=2).max_replicas == 2
    with pytest.raises(ValidationError, match="max_replicas is 2, fewer than min_replicas 3"):
        ServeOptions(models=("drawn",), min_replicas=3, max_replicas=2)


def test_a_model_is_served_once() -> None:
    assert ServeOptions(models=("drawn", "maps")).models == ("drawn", "maps")
    with pytest.raises(ValidationError, match="models names one twice: drawn, maps, drawn"):
        ServeOptions(models=("drawn", "maps", "drawn"))


def test_limits_are_in_mebibytes_and_in_millions_of_pixels() -> None:
    options = ServeOptions(models=("drawn",), max_body_mib=1.5, max_megapixels=2.5)
    assert (options.max_body_bytes, options.max_pixels) == (1_572_864, 2_500_000)


def test_the_registry_is_asked_ten_times_a_second_at_most() -> None:
    assert ServeOptions(models=("drawn",), look_s=0.1).look_s == 0.1
    with pytest.raises(ValidationError, match=r"look_s\n  Input should be greater than or equal"):
        ServeOptions(models=("drawn",), look_s=0.09)
