"""Prefect flows: when and where stages run, with which parameters, and what becomes of a result."""

import warnings

# A section of params.yaml is called as a method of pydantic's models is; Prefect copes with that.
warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)
