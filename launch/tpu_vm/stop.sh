#!/usr/bin/env bash
# Asks the training on every worker to save and leave, and waits for it. launch/tpu_vm/run.sh goes on from there. The
# machine stays, and is paid for, until launch/tpu_vm/delete.sh.
#
#     bash launch/tpu_vm/stop.sh [--dry_run] [--settings=FILE] [--now]
#
# --now does not wait for the save.

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

begin "$@"
now=""
for argument in ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}; do
    [[ $argument == --now ]] || die "unexpected $argument; stop.sh --help tells what it takes"
    now=" now"
done
require "${REQUIRED[@]}"
require_machine
on_workers all "if [ -f entropy_rl/launch/tpu_vm/worker.sh ]; then $WORKER stop$now; else echo worker \$(hostname) stopped; fi" || true
if (($(answers saving) > 0)); then die "the training is still saving; run this again, or with --now to give the save up"; fi
require_all stopped "the training is stopped"
say "nothing runs on the $HOSTS workers; the machine is still paid for"
