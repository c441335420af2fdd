"""When a version that could not be loaded is tried again."""

from pipelines.serving.failed_load import failed_load


def test_the_pauses_of_one_version_double_up_to_ten_minutes() -> None:
    failed, pauses = None, []
    for _ in range(8):
        failed = failed_load("8", failed, now_s=1000.0, first_pause_s=10.0)
        pauses.append(failed.pause_s)
        assert failed.holds_back("8", now_s=999.9 + failed.pause_s)
        assert not failed.holds_back("8", now_s=1000.0 + failed.pause_s)
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600]


def test_another_version_is_tried_at_once_and_begins_with_the_first_pause() -> None:
    failed = failed_load("8", None, now_s=0.0, first_pause_s=10.0)
    failed = failed_load("8", failed, now_s=10.0, first_pause_s=10.0)
    assert not failed.holds_back("9", now_s=10.0)
    assert failed_load("9", failed, now_s=10.0, first_pause_s=10.0).pause_s == 10.0
