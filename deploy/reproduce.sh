#!/usr/bin/env bash
# What a job runs on the head node of a cluster: the pipeline, with DVC's remote for a memory.
#   bash deploy/reproduce.sh [PARAMS [TARGET...]]
# PARAMS is the complete parameter file that is used in place of params.yaml. Without targets it runs
# what `make run` runs, up to the stage register, so without the search (tune).
# The node may be new, and this may be another attempt: finished stages come back from the remote
# (--run-cache: also those that no dvc.lock in git names), a begun training from train.storage_path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ $# -gt 0 ] && ! [ "$1" -ef params.yaml ]; then
  cp "$1" params.yaml
fi
targets=("${@:2}")
dvc pull --run-cache --allow-missing
dvc repro --pull prepare
# Before the training: if this node is lost during it, another attempt need not prepare again.
dvc push --run-cache prepare
dvc repro --pull "${targets[@]:-register}"
dvc push --run-cache
