from pipelines.repository.dotted_keys import flatten


def test_parameters_are_text_as_in_params_yaml() -> None:
    nested = {"a": {"b": None, "c": {"d": True}}, "e": 0.0002, "f": (0, 1.5), "g": "text"}
    assert flatten(nested) == {
        "a.b": "null",
        "a.c.d": "true",
        "e": "0.0002",
        "f": "[0, 1.5]",
        "g": "text",
    }
