"""What a training or a study that has not begun says of a real Ray."""

from collections.abc import Iterator

import pytest
import ray
from ray.util import placement_group, remove_placement_group
from ray.util.placement_group import PlacementGroup

from pipelines.cluster.waiting import waiting_line
from tests.support.waiting import until

pytestmark = pytest.mark.ray

STARTING = "Ray has made room for it, and it is starting"


@pytest.fixture
def room(cluster: None) -> Iterator[PlacementGroup]:
    """All CPUs, taken as Ray Train and Ray Tune take them for their workers."""
    group = placement_group([{"CPU": ray.cluster_resources()["CPU"]}])
    ray.get(group.ready())
    yield group
    remove_placement_group(group)
    num_cpus = ray.cluster_resources()["CPU"]
    until(lambda: ray.available_resources().get("CPU") == num_cpus)  # as Ray tells a moment later


def test_workers_that_start_are_not_said_to_wait_for_their_own_cpus(room: PlacementGroup) -> None:
    assert waiting_line() == STARTING


def test_room_of_another_job_is_none_for_this_one(
    room: PlacementGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = type(ray.get_runtime_context())
    monkeypatch.setattr(context, "get_job_id", lambda _self: "ffffffff")
    assert "no room for it yet (free at present: 0 CPUs, 0 GPUs)" in waiting_line()


def test_before_there_is_room_it_says_what_is_free(cluster: None) -> None:
    num_cpus = ray.cluster_resources()["CPU"]
    too_large = placement_group([{"CPU": num_cpus + 1}])
    try:
        assert f"no room for it yet (free at present: {num_cpus:g} CPUs, 0 GPUs)" in waiting_line()
    finally:
        remove_placement_group(too_large)
