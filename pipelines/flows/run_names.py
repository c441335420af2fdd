"""The names of flow runs: what was given for the run, beside the name that it has had.

Of each flow, `@flow(flow_run_name=run_name)`. Prefect calls it when the run starts.
"""

import inspect
import json
from collections.abc import Mapping
from typing import Any

from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from pipelines.flows.parameters import Overrides, values_in_force

_MAX_CHARACTERS = 60  # of what was given; what does not fit is counted, as in `+3`
_BETWEEN = " · "  # what was given, and the name
_UNKNOWN = object()  # is equal to nothing that was given


def run_name() -> str:
    """The name of the flow run that starts, such as `train.num_epochs=3 · brave-otter`.

    The second part is the name that somebody chose for the run, or else Prefect's own.
    """
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow is not None
    name = flow_run.get_name() or ""
    signature = inspect.signature(context.flow.fn)
    given = given_text(context.parameters or {}, signature, values_in_force())
    prefix = f"{given}{_BETWEEN}" if given else ""
    # A run that starts again, after a crash, has the first part already.
    return name if name.startswith(prefix) else f"{prefix}{name}"


def given_text(
    parameters: Mapping[str, Any], signature: inspect.Signature, in_force: Mapping[str, Any]
) -> str:
    """The parameters that are not the flow's defaults, as `--set-param` has them.

    Of sections of params.yaml, those values that are not `in_force`: a form gives a run all values
    that it shows, also where a person has changed one of them.
    """
    phrases = []
    for name, value in parameters.items():
        if isinstance(value, Overrides):
            phrases += _phrases(name, value.model_dump(mode="json"), in_force.get(name, _UNKNOWN))
        else:
            phrases += _phrases(name, _as_list(value), _as_list(signature.parameters[name].default))
    shown = list(phrases)
    while len(", ".join(shown)) > _MAX_CHARACTERS:
        shown.pop()
    left_out = len(phrases) - len(shown)
    return ", ".join([*shown, *([f"+{left_out}"] if left_out else [])])


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _phrases(place: str, value: Any, known: Any) -> list[str]:
    """Such as `train.num_epochs=3`, but for what is `known`; a flag is named, as `tune_first`."""
    if value == known:
        return []
    if isinstance(value, Mapping):
        known = known if isinstance(known, Mapping) else {}
        nested = (
            _phrases(f"{place}.{key}", each, known.get(key, _UNKNOWN))
            for key, each in value.items()
        )
        return [phrase for phrases in nested for phrase in phrases]
    if value is True:
        return [place]
    text = value if isinstance(value, str) else json.dumps(value)
    return [f"{place}={text}"]
