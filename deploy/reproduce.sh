#!/usr/bin/env bash
# What a job runs on the head node of a cluster: the pipeline, with DVC's remote for a memory.
#   bash deploy/reproduce.sh [PARAMS [TARGET...]]
# PARAMS is the complete parameter file that is used in place of params.yaml, as it is when the job
# is submitted. Without targets it runs what `make run` runs, so without the search (tune).
# The node may be new, and this may be another attempt: finished stages come back from the remote
# (--run-cache: also those that no dvc.lock in git names), a begun training from train.storage_path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A stage that ends with 75 says that the same command may succeed later: a server does not answer.
reproduce() {
  for pause in 30 120 300; do
    # At a signal, tee goes on until the stage has saved its state and said so.
    if dvc repro --pull "$1" 2>&1 | (trap '' INT TERM && exec tee "$log"); then return; fi
    grep --quiet 'exited with 75' "$log" || return 1
    echo "$1 is tried again in $pause s"
    sleep "$pause"
  done
  dvc repro --pull "$1"
}

# One job after another works in this folder; each has the parameters of its own submission.
params=$(<"${1:-params.yaml}")
exec 9<deploy/reproduce.sh
if ! flock --nonblock 9; then
  echo "another job runs in $PWD; this one waits until it has ended"
  flock 9
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
printf '%s\n' "$params" >params.yaml
pix2pix check

dvc pull --run-cache --allow-missing
targets=("${@:2}")
[ $# -gt 1 ] || targets=(train evaluate register)
# What is finished is pushed before the next stage begins: if that one fails or this node is lost,
# another attempt need not do it again.
for target in prepare "${targets[@]}"; do
  reproduce "$target"
  dvc push --run-cache --with-deps "$target"
done
