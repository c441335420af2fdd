"""The report of the data checks as Markdown."""

from pipelines.flows.data_check import data_check_markdown


def test_each_offence_is_named_with_its_remedy_and_long_lists_are_cut() -> None:
    items = [{"pairs": [f"p{i}"], "paths": [f"a/{i}.png"], "what": "is torn"} for i in range(60)]
    report = {
        "num_found": 70,
        "num_sound": 10,
        "offences": {"unreadable_file": {"count": 60, "remedy": "mend it", "items": items}},
        "notes": ["no test folder"],
    }
    lines = data_check_markdown(report).splitlines()
    assert lines[0] == "## 70 pairs found, 10 sound, 60 offences"
    assert lines[2:4] == ["### unreadable file (60)", "mend it"]
    assert lines[5] == "- `a/0.png`: is torn"
    assert lines[55] == "- … and 10 more"
    assert lines[-1] == "> no test folder"
