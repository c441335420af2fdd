"""The hashes in the manifest tell other pixels apart."""

from pathlib import Path

from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.new_manifest import make_manifest
from tests.support.drawn_pairs import draw, make_config, save_pair, write_sound


def test_other_pixels_of_the_same_names_change_the_hash_of_their_split_alone(
    tmp_path: Path,
) -> None:
    write_sound(tmp_path)
    config = make_config()
    before = make_manifest(check_pairs(tmp_path, config, num_workers=1), config)
    save_pair(tmp_path, "test/0", *draw(300))
    after = make_manifest(check_pairs(tmp_path, config, num_workers=1), config)
    changed = [split for split in before.splits if before.splits[split] != after.splits[split]]
    assert changed == ["test"]
    assert before.splits["test"].hash != after.splits["test"].hash
    assert before.data_hash != after.data_hash
