"""The saved view `scores` of an experiment: columns and order of its list of runs, and charts.

MLflow's interface offers it in its menu *Views*. MLflow stores such views as tags of the
experiment, and has no function that makes one: the keys here are those of its interface (3.17). A
version of MLflow that stores views in another way ignores the tag.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.tracking.run import milliseconds
from pipelines.tracking.samples import SAMPLES_KEY

VIEW = "scores"

_VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
_GIVEN_TAG = "pix2pix.saved_view"  # who deletes the view does not get it again
_METRICS = ("dev/l1", "test/l1", "test/frechet_efficientnet_lite0")
_PARAMS = ("train.learning_rate", "train.lambda_l1", "train.seed")


def missing_view(tags: Mapping[str, str], *, time_s: float) -> dict[str, str]:
    """Return the tags that give an experiment the view, made at `time_s`.

    They are empty if its tags show that it has the view or had it, or that somebody has saved
    another one under its name.
    """
    if _VIEW_TAG in tags or _GIVEN_TAG in tags:
        return {}
    return {_VIEW_TAG: _scores_view(time_s), _GIVEN_TAG: VIEW}


def _scores_view(time_s: float) -> str:
    state = {
        "searchFilter": "",
        "orderByKey": _column("metrics", _METRICS[0]),
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [
            *(_column("metrics", name) for name in _METRICS),
            *(_column("params", name) for name in _PARAMS),
        ],
        "compareRunSections": [{"uuid": VIEW, "name": VIEW, "display": True, "isReordered": True}],
        "compareRunCharts": _charts(),
        "isAccordionReordered": True,  # else MLflow sorts the sections by name
    }
    view = {
        "name": VIEW,
        "createdAt": milliseconds(time_s),
        "updatedAt": milliseconds(time_s),
        "state": json.dumps(state),
    }
    return json.dumps(view)


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _charts() -> Sequence[dict[str, Any]]:
    """Return the charts of the section `scores`; MLflow adds sections with all other metrics."""
    return [
        _chart("LINE", metricKey=_METRICS[0], xAxisKey="step", lineSmoothness=0),
        _chart("PARALLEL", selectedParams=_PARAMS[:2], selectedMetrics=_METRICS[1:2]),
        # MLflow would print all parameters above each image, which leaves no room for the image.
        _chart("IMAGE", imageKeys=[SAMPLES_KEY], step=0, showRunParams=False),
    ]


def _chart(kind: str, **settings: Any) -> dict[str, Any]:
    return {"type": kind, "uuid": f"{VIEW}-{kind}", "metricSectionId": VIEW, **settings}
