"""Registered models behind HTTP, on Ray Serve (docs/serving.md).

Imports Ray and FastAPI. Start with `application`, which puts the parts together: `http_app` speaks
HTTP, in one process; `replica` holds a model, in as many processes as there are replicas; between
them go the values of `messages`. `server` starts and ends it all for `pix2pix serve`.
"""
