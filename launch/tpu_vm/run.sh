#!/usr/bin/env bash
# Starts the training, detached, on every worker. A training that was stopped or lost goes on from its last checkpoint;
# one that runs already is left alone.
#
#     bash launch/tpu_vm/run.sh --config=configs/countdown_grpo.py [--set steps=100 ...]
#     bash launch/tpu_vm/run.sh [--dry_run] [--settings=FILE] [--workdir=gs://...] ...
#
# Everything else goes to entropy_rl.train. Without --workdir it is gs://BUCKET/QUEUED_RESOURCE_ID. Prepared datasets are
# read from DATA_DIR.

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
# shellcheck source=launch/needs.sh
source launch/needs.sh

begin "$@"
require "${REQUIRED[@]}"
find_config
check_secrets
require_slice "$ACCELERATOR_TYPE"
require_data
require_machine

# A slice with one worker missing waits for it for ever, so all must answer before any starts.
on_workers all "$WORKER status" || true
require_all any "the package is there"
if (($(answers running) == HOSTS)) && ! $DRY_RUN; then say "the training runs on all $HOSTS workers"; fi
# With the number of hosts that the cloud tells, a training that is joined by fewer ends at once.
if ! on_workers all "TFDS_DATA_DIR=$DATA_DIR $WORKER start $(quoted "${ARGUMENTS[@]}" "--workdir=$WORKDIR" "--processes=$HOSTS")"; then
    if (($(answers busy) > 0)); then
        die "$(grep -m 1 ' busy ' <<<"$OUTPUT" | cut -d ' ' -f 4-); stop it first with launch/tpu_vm/stop.sh"
    fi
    started=$OUTPUT error=$ERROR
    on_workers all "$WORKER stop now" || true
    OUTPUT=$started ERROR=$error
fi
require_all started "the training started" "those that did were stopped again"
say "the training runs on $HOSTS workers and writes to $WORKDIR; launch/tpu_vm/logs.sh follows it"
