#!/bin/sh
# A worker in plain shell: asks, trains and tells until the study has enough results.
# Usage: loop.sh STUDY RESULTS
set -u
while [ "$(bohb trials "$1" --json | wc -l)" -lt "$2" ]; do
    trial=$(bohb ask "$1" --lease 3600) || exit # 3: nothing left to ask
    id=${trial#'{"trial": '}                    # the number is the first thing on the line
    id=${id%%,*}
    if loss=$(printf '%s\n' "$trial" | python3 train.py --loss-only); then
        bohb tell "$1" "$id" --loss "$loss" --checkpoint "checkpoints/$id.json"
    else
        bohb fail "$1" "$id" "train.py ended with status $?"
    fi
done
