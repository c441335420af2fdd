"""Prefect flows: they run stages in a workspace with given parameters, and record the result.

Imports Prefect, but not torch, Ray or MLflow: the flows start processes that do the work. Start
reading with `train_pix2pix`.
"""

import warnings

# The section `register` of params.yaml has the name of a method of pydantic models. Pydantic warns
# of it, but forms with this field work.
warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)
