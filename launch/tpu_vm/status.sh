#!/usr/bin/env bash
# Tells how the machine and the run are: state, workers, step, chip-hours, what remains and, with a price, the cost.
#
#     bash launch/tpu_vm/status.sh [--dry_run] [--settings=FILE] [--workdir=gs://...]
#     PRICE_PER_CHIP_HOUR=1.2 bash launch/tpu_vm/status.sh

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

begin "$@"
no_more_arguments
require "${REQUIRED[@]}"
# shellcheck source=launch/tpu_vm/progress.sh
source launch/tpu_vm/progress.sh

row() {
    $DRY_RUN || printf '%-14s %s\n' "$1" "$2"
}

# compute FORMAT EXPRESSION NAME=value...: what bash cannot: fractions.
compute() {
    local format=$1 expression=$2 flags=() pair
    shift 2
    for pair in "$@"; do flags+=(-v "$pair"); done
    awk "${flags[@]}" "BEGIN { printf \"$format\", $expression }"
}

tell_workers() {
    local line tag host rest
    on_workers all "$LOOK" || true
    row workers "$(answers running) of $HOSTS running"
    while read -r tag host rest; do
        if [[ $tag == worker && $rest != running* ]]; then row "" "$host: $rest"; fi
    done <<<"$OUTPUT"
    if (($(answers any) < HOSTS)); then row "" "$((HOSTS - $(answers any))) do not answer:$(silent_workers)"; fi
}

read_state
row request "$QUEUED_RESOURCE_ID is $STATE${REASON:+ ($REASON)}"
CHIPS=0
if [[ $STATE == ACTIVE ]]; then
    read_slices
    row machine "$TPU_NAME: $SLICE_STATES, $TOPOLOGY, $CHIPS chips, $HOSTS workers, since $SINCE"
    if all_ready; then tell_workers; fi
fi
read_progress
read_machines
row workdir "$WORKDIR"
row step "${STEP:-none} of ${STEPS:-unknown}${FIGURES}"
row chip-hours "$CHIP_HOURS on $MACHINES machine(s)"
remaining=""
if [[ -n $STEP && -n $STEPS && -n $SECONDS_PER_STEP ]]; then
    remaining=$(compute '%.2f' '(steps - step) * seconds / 3600' "steps=$STEPS" "step=$STEP" "seconds=$SECONDS_PER_STEP")
    row remaining "$remaining h at $SECONDS_PER_STEP s a step"
fi
if [[ -n $PRICE_PER_CHIP_HOUR ]]; then
    cost="\$$(compute '%.2f' 'hours * price' "hours=$CHIP_HOURS" "price=$PRICE_PER_CHIP_HOUR") so far"
    if [[ -n $remaining ]] && ((CHIPS > 0)); then
        cost+=", \$$(compute '%.2f' '(hours + chips * remaining) * price' "hours=$CHIP_HOURS" "chips=$CHIPS" \
            "remaining=$remaining" "price=$PRICE_PER_CHIP_HOUR") at the end"
    fi
    row cost "$cost, at \$$PRICE_PER_CHIP_HOUR a chip and hour"
fi
