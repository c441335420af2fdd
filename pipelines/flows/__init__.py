"""Prefect flows: they run stages in a workspace with given parameters, and record the result.

Imports Prefect, but not torch, Ray or MLflow: the flows start processes that do the work. Start
reading with `train_pix2pix`.
"""

import os
import sys
import warnings

from pipelines.processes.http_address import fault

# The section `register` of params.yaml has the name of a method of pydantic models. Pydantic warns
# of it, but forms with this field work.
warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)

# Prefect reads its settings on import, and shows a traceback where this one is wrong.
if (_api_url := os.environ.get("PREFECT_API_URL")) and (_reason := fault(_api_url)):
    sys.exit(
        f"ERROR PREFECT_API_URL is no address: {_reason}; correct it, such as "
        "http://127.0.0.1:4200/api, or unset it"
    )
