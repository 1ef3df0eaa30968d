#!/usr/bin/env bash
# Asks for the machine of the settings (a queued resource) and waits until it is there. One that is there already is
# left alone.
#
#     bash launch/tpu_vm/create.sh [--config=... [--set ...]] [--dry_run] [--settings=FILE] [--no_wait] [--no_preflight]
#
# With the config that will be trained and its changes, preflight.sh looks for what that needs too.
#
# Exit status 75: the zone has none left; try again later.

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

begin "$@"
waiting=true preflight=true training=() value=false
for argument in ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}; do
    if $value; then
        training+=("$argument") value=false
        continue
    fi
    case $argument in
        --no_wait) waiting=false ;;
        --no_preflight) preflight=false ;;
        --config=* | --set=*) training+=("$argument") ;;
        --config | --set) training+=("$argument") value=true ;;
        *) die "unexpected $argument; create.sh --help tells what it takes" ;;
    esac
done
require "${REQUIRED[@]}"

request() {
    local flags=("--accelerator-type=$ACCELERATOR_TYPE" "--runtime-version=$RUNTIME_VERSION") answer kind
    if ((NUM_SLICES > 1)); then
        flags+=("--node-count=$NUM_SLICES" "--node-prefix=$TPU_NAME")
    else
        flags+=("--node-id=$TPU_NAME")
    fi
    if [[ $PROVISIONING == spot ]]; then flags+=(--spot); fi
    if [[ $PROVISIONING == reserved ]]; then flags+=(--reserved); fi
    if [[ -n $VALID_UNTIL_DURATION ]]; then flags+=("--valid-until-duration=$VALID_UNTIL_DURATION"); fi
    if [[ -n $NETWORK ]]; then flags+=("--network=$NETWORK"); fi
    if [[ -n $SUBNETWORK ]]; then flags+=("--subnetwork=$SUBNETWORK"); fi
    if [[ -n $SERVICE_ACCOUNT ]]; then flags+=("--service-account=$SERVICE_ACCOUNT"); fi
    if [[ $INTERNAL_IPS == true ]]; then flags+=(--internal-ips); fi
    if ! ask answer "" gcloud compute tpus queued-resources create "$QUEUED_RESOURCE_ID" "${WHERE[@]}" "${flags[@]}" --quiet; then
        kind=$(kind_of_error)
        if [[ $kind == exists ]]; then return; fi # somebody else's create, or ours before it was cut off
        if [[ $kind == capacity ]]; then
            say "$ZONE has no $ACCELERATOR_TYPE left: $ERROR"
            exit 75
        fi
        fail "asking for $QUEUED_RESOURCE_ID"
    fi
}

if $preflight; then
    flags=("--settings=$SETTINGS" "--workdir=$WORKDIR")
    if $DRY_RUN; then flags+=(--dry_run); fi
    bash launch/tpu_vm/preflight.sh "${flags[@]}" ${training[@]+"${training[@]}"}
fi
read_state ABSENT
if [[ $STATE == ABSENT ]]; then
    request
    say "asked for $QUEUED_RESOURCE_ID: $NUM_SLICES x $ACCELERATOR_TYPE ($PROVISIONING)"
    $waiting && read_state
fi
while $waiting; do
    case $STATE in
        ACTIVE) break ;;
        FAILED | SUSPENDED) die "$QUEUED_RESOURCE_ID is $STATE and stays so${REASON:+ ($REASON)}; run launch/tpu_vm/delete.sh, then this again" ;;
        DELETING | SUSPENDING) say "$QUEUED_RESOURCE_ID is $STATE" ;;
        ABSENT) die "$QUEUED_RESOURCE_ID was deleted while this waited; run this again" ;;
        *) say "$QUEUED_RESOURCE_ID is $STATE" ;;
    esac
    sleep "$POLL_SECONDS"
    read_state
done
if $waiting; then
    read_slices
    say "$QUEUED_RESOURCE_ID is ACTIVE: $HOSTS workers, $CHIPS chips"
fi
