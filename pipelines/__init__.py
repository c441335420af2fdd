"""Adapters to Ray, MLflow, DVC and Prefect, and the entry points of the stages.

Each of those tools, and ONNX Runtime, sends usage data unless told not to, which costs seconds and
error lines where there is no network. This is the one place that switches all of it off, and sets
what the tools and the processes that they start read from variables only; it has to happen before
they are imported, so it happens at import, as little else in this project does. A variable that is
already set wins.
Beside that, a Python without the project's packages is refused in one sentence, before any of them
is looked for. Nothing here may need more than an old Python by itself.
"""

import getpass
import importlib.util
import os
import sys

# Who started this process. A stage takes seconds to import its tools, and its parent may end
# meanwhile.
STARTED_BY = os.getppid()

SETTINGS = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "LOG_NAME_UPDATE_INTERVAL_S": "10",  # Ray's search for log files, which nobody here follows
    # Memory that a training step gives back is needed by the next one. Left to themselves glibc and
    # Linux take it away and hand it out page by page, which costs some 4 % of a training on CPUs.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),  # glibc's upper limit
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # a line of noise per registered model
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # what is said here, our own lines say
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # we try again ourselves; seven take minutes
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # of ONNX Runtime, which `pix2pix export` checks its files with
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_AIR_NEW_OUTPUT": "0",  # its banners and tables; ours are lines
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # 20 are too few where much runs
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # Ray takes one report of a worker per look
    "RAY_USAGE_STATS_ENABLED": "0",
    "THP_MEM_ALLOC_ENABLE": "1",  # torch's large tensors on large pages
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # its own CSV and TensorBoard files
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # tuning/experiments.py passes signals on to Ray Tune
}

if sys.version_info < (3, 11) or importlib.util.find_spec("ruamel") is None:
    sys.exit(
        "{} (Python {}.{}) lacks the packages of this project: run `make setup` and then "
        "`. .venv/bin/activate`, or activate the environment that it is installed in".format(
            sys.executable, *sys.version_info
        )
    )

for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)

# DVC looks for the user's name, and a container may have none for the number that it runs as.
try:
    getpass.getuser()
except (KeyError, OSError):  # OSError since Python 3.13
    os.environ["LOGNAME"] = str(os.getuid())


def _say_interruption(kind, error, trace):  # type: ignore[no-untyped-def]
    """End as Python does, but without a traceback where Ctrl-C came before `entrypoint.run`."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("ERROR interrupted\n")
    else:
        sys.__excepthook__(kind, error, trace)


# Only where this package is the program, which takes seconds to import its tools: Python sets this
# argument while it looks for the module behind -m, and the console command has its name.
if sys.argv and os.path.basename(sys.argv[0]) in ("-m", "pix2pix"):
    sys.excepthook = _say_interruption
