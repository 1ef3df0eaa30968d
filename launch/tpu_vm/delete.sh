#!/usr/bin/env bash
# Deletes the queued resource and its machine, after asking a training that runs there to save. What it wrote to the
# bucket stays.
#
#     bash launch/tpu_vm/delete.sh [--dry_run] [--settings=FILE] [--now]
#
# --now does not wait for the save.

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

begin "$@"
now=false
for argument in ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}; do
    [[ $argument == --now ]] || die "unexpected $argument; delete.sh --help tells what it takes"
    now=true
done
require "${REQUIRED[@]}"
read_state
if [[ $STATE == ACTIVE ]] && ! $now; then
    flags=("--settings=$SETTINGS" "--workdir=$WORKDIR")
    if $DRY_RUN; then flags+=(--dry_run); fi
    bash launch/tpu_vm/stop.sh "${flags[@]}" || say "the training could not be stopped; deleting the machine all the same"
fi
if [[ $STATE != ABSENT ]]; then
    # --force deletes the machine with the request. Neither goes by itself: a suspended or failed request holds quota.
    if ! ask OUTPUT "" gcloud compute tpus queued-resources delete "$QUEUED_RESOURCE_ID" "${WHERE[@]}" --force --quiet; then
        [[ $(kind_of_error) == absent ]] || fail "deleting $QUEUED_RESOURCE_ID"
    fi
fi
say "$QUEUED_RESOURCE_ID is deleted; nothing is paid for any more except what lies in gs://$BUCKET"
