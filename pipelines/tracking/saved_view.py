"""The saved view `scores` of an experiment: columns and order of its list of runs, and charts.

MLflow's interface offers it in its menu *Views*. MLflow stores such views as tags of the
experiment, and has no function that makes one: the keys here are those of its interface (3.17). A
version of MLflow that stores views in another way ignores the tag.
"""

import json
from collections.abc import Sequence
from typing import Any

from pipelines.tracking.samples import SAMPLES_KEY

VIEW = "scores"

_TAG_PREFIX = "mlflow.sharedViewState."
_METRICS = ("dev/l1", "test/l1", "test/frechet_efficientnet_lite0")
_PARAMS = ("train.learning_rate", "train.lambda_l1", "train.seed")


def scores_view(time_s: float) -> dict[str, str]:
    """Return the view as tags of an experiment; `time_s` is when it was made."""
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
    milliseconds = round(time_s * 1000)
    view = {
        "name": VIEW,
        "createdAt": milliseconds,
        "updatedAt": milliseconds,
        "state": json.dumps(state),
    }
    return {f"{_TAG_PREFIX}{VIEW}": json.dumps(view)}


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
