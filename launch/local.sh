#!/usr/bin/env bash
# The main job on this machine: trains a small language model on Countdown twice from the same start, with plain GRPO and
# with Clip-Cov, and writes a report of where each one's entropy went. Needs nothing but a system Python.
#
#     bash launch/local.sh                          runs/countdown_grpo, runs/countdown_clip_cov, runs/report.html
#     bash launch/local.sh --workdir /data/runs     writes there instead (or WORKDIR=/data/runs)
#     bash launch/local.sh --set steps=20           further flags go to both trainings
#
# The same command again resumes what was interrupted and finishes at once what was done.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh

ARMS=(countdown_grpo countdown_clip_cov)

workdir=${WORKDIR:-runs}
flags=()
while (($#)); do
    case $1 in
        --workdir=*) workdir=${1#*=} ;;
        --workdir)
            (($# > 1)) || die "--workdir needs a folder"
            workdir=$2
            shift
            ;;
        --) ;;
        *) flags+=("$1") ;;
    esac
    shift
done
workdir=${workdir%/}

# The process of the arm in front, and of the one beside it. Both run in the background, so that signals reach this script.
front="" beside=""

stop() {
    local child
    for child in $front $beside; do kill -TERM "$child" 2>/dev/null || true; done
    for child in $front $beside; do wait "$child" || true; done # each saves a checkpoint first
    exit "$1"
}

stop_after() {
    say "$2 stopped with exit status $1; the same command resumes it"
    stop "$1"
}

# Sets COMMAND to the training of one arm.
training_of() {
    COMMAND=("$PYTHON" -m entropy_rl.train "--config=configs/$1.py" "--workdir=$workdir/$1" ${flags[@]+"${flags[@]}"})
}

one_after_the_other() {
    local arm
    for arm in "${ARMS[@]}"; do
        say "training $arm"
        training_of "$arm"
        "${COMMAND[@]}" <&0 &
        front=$!
        wait "$front" || stop_after $? "$arm"
    done
    front=""
}

# A small model gains nothing from a second core, so each arm gets its own. They share the warm start: whichever comes
# first makes it, the other waits. The first is shown here, the other keeps its words in a file.
side_by_side() {
    local log=$workdir/${ARMS[1]}.log status=0
    mkdir -p "$workdir"
    say "training ${ARMS[0]} here and ${ARMS[1]} beside it (its log: $log)"
    training_of "${ARMS[1]}"
    taskset -c 1 "${COMMAND[@]}" </dev/null >"$log" 2>&1 &
    beside=$!
    training_of "${ARMS[0]}"
    taskset -c 0 "${COMMAND[@]}" <&0 &
    front=$!
    wait "$front" || stop_after $? "${ARMS[0]}"
    front=""
    say "waiting for ${ARMS[1]}"
    wait "$beside" || status=$?
    beside=""
    ((status == 0)) && return
    tail -n 20 "$log" >&2
    stop_after "$status" "${ARMS[1]}"
}

set_up run
trap 'stop 143' TERM
trap 'stop 130' INT

if [[ $HARDWARE == cpu && $workdir != *://* ]] && (($(nproc 2>/dev/null || echo 1) > 1)) && { taskset -c 0 true && taskset -c 1 true; } 2>/dev/null; then
    side_by_side
else
    one_after_the_other
fi

runs=()
for arm in "${ARMS[@]}"; do runs+=("$workdir/$arm"); done
"$PYTHON" -m entropy_rl.report --output="$workdir/report.html" "${runs[@]}"
