from pix2pix.data.groups import groups_of


def test_pairs_are_grouped_by_the_pattern_and_stay_alone_where_it_finds_none() -> None:
    ids = ["clip1_0", "clip1_1", "other"]
    assert groups_of(ids, r"(clip\d+)_") == ["clip1", "clip1", "other"]


def test_without_a_pattern_slices_of_a_volume_are_a_group_and_files_are_alone() -> None:
    ids = ["head#z000", "head#z001", "scene_1", "scene_2"]
    assert groups_of(ids, None) == ["head", "head", "scene_1", "scene_2"]
