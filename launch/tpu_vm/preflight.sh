#!/usr/bin/env bash
# Looks for what would make a launch fail later, and changes nothing: gcloud and a login, the accelerator and the runtime
# version in the zone, the bucket and its region, and the quota; of a config, the slice that it is made for, how its
# batches split over the chips and the data that it trains on.
#
#     bash launch/tpu_vm/preflight.sh [--config=...] [--dry_run] [--settings=FILE]

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
# shellcheck source=launch/needs.sh
source launch/needs.sh

check_account() {
    local account
    command -v gcloud >/dev/null || $DRY_RUN || die "gcloud is not installed; install the Google Cloud CLI and run: gcloud auth login"
    ask account somebody gcloud auth list --filter=status:ACTIVE "--format=value(account)" || fail "asking who is logged in"
    [[ -n $account ]] || die "nobody is logged in; run: gcloud auth login"
}

family_of_accelerator() {
    case $1 in
        v5litepod-*) printf v5e ;;
        v5p-*) printf v5p ;;
        v6e-*) printf v6e ;;
        v2-* | v3-* | v4-*) printf 'v4 and older' ;;
    esac
}

family_of_runtime() {
    case $1 in
        v2-alpha-tpuv5-lite* | v2-tpuv5-lite*) printf v5e ;;
        v2-alpha-tpuv5* | v2-tpuv5*) printf v5p ;;
        v2-alpha-tpuv6e* | v2-tpuv6e*) printf v6e ;;
        tpu-ubuntu2204-base* | tpu-vm-v4-*) printf 'v4 and older' ;;
    esac
}

check_machine() {
    local types versions wanted found
    ask types "$ACCELERATOR_TYPE" gcloud compute tpus tpu-vm accelerator-types list "${WHERE[@]}" "--format=value(type)" ||
        fail "listing the accelerators of $ZONE"
    [[ -n $types ]] || die "$ZONE has no TPUs; take another ZONE (gcloud compute tpus locations list)"
    grep -qxF -- "$ACCELERATOR_TYPE" <<<"$types" ||
        die "ACCELERATOR_TYPE is $ACCELERATOR_TYPE, but $ZONE has $(tr '\n' ' ' <<<"$types"); take one of these or another ZONE"
    wanted=$(family_of_accelerator "$ACCELERATOR_TYPE")
    found=$(family_of_runtime "$RUNTIME_VERSION")
    if [[ -n $wanted && -n $found && $wanted != "$found" ]]; then
        die "RUNTIME_VERSION $RUNTIME_VERSION is for TPU $found, but $ACCELERATOR_TYPE is a $wanted; set it to $(runtime_for "$wanted")"
    fi
    ask versions "$RUNTIME_VERSION" gcloud compute tpus tpu-vm versions list "${WHERE[@]}" "--format=value(version)" ||
        fail "listing the runtime versions of $ZONE"
    grep -qxF -- "$RUNTIME_VERSION" <<<"$versions" ||
        die "RUNTIME_VERSION is $RUNTIME_VERSION, which $ZONE does not have; for $ACCELERATOR_TYPE it is $(runtime_for "$wanted")"
}

check_bucket() {
    local answer place kind region
    region=$(tr '[:lower:]' '[:upper:]' <<<"$REGION")
    if ! ask answer "$region|region" gcloud storage buckets describe "gs://$BUCKET" "--project=$PROJECT_ID" \
        "--format=value[separator='|'](location,location_type)"; then
        [[ $(kind_of_error) == absent ]] || fail "looking at gs://$BUCKET"
        die "there is no bucket gs://$BUCKET; make it with: gcloud storage buckets create gs://$BUCKET --location=$REGION --project=$PROJECT_ID"
    fi
    IFS='|' read -r place kind <<<"$answer"
    if [[ $place == "$region" ]]; then return; fi
    if [[ $kind == region ]]; then
        die "gs://$BUCKET lies in $place and the machine would be in $region: every checkpoint would travel and be charged for; use a bucket in $REGION"
    fi
    say "gs://$BUCKET lies in several places ($place); one in $REGION alone is cheaper and faster"
}

# Names of quotas differ between accelerators and change; where none is recognised, creating tells.
check_quota() {
    local answer name limit places best="" pattern
    case $ACCELERATOR_TYPE in
        v5litepod-*) pattern='v5s*litepod' ;;
        *) pattern=${ACCELERATOR_TYPE%-*} ;;
    esac
    if ! ask answer "" gcloud beta quotas info list --service=tpu.googleapis.com "--project=$PROJECT_ID" \
        "--flatten=dimensionsInfos[]" \
        "--format=value[separator=' '](quotaId,dimensionsInfos.details.value,dimensionsInfos.applicableLocations.list(separator=','))"; then
        say "the quota could not be read; creating the machine will tell"
        return
    fi
    while read -r name limit places; do
        name=$(tr '[:upper:]' '[:lower:]' <<<"$name")
        [[ $name == tpu*$pattern* && $name != *reserved* ]] || continue
        [[ ,$places, == *,$ZONE,* || ,$places, == *,$REGION,* ]] || continue
        if [[ $PROVISIONING == spot ]]; then
            [[ $name == *preemptible* ]] || continue
        else
            [[ $name != *preemptible* ]] || continue
        fi
        if [[ -z $best ]] || ((limit > best)); then best=$limit; fi
    done <<<"$answer"
    if [[ -z $best || $PROVISIONING == reserved ]]; then return; fi
    ((best >= $(chips_named) * NUM_SLICES)) ||
        die "the quota for $ACCELERATOR_TYPE ($PROVISIONING) in $ZONE is $best and $NUM_SLICES slice(s) need $(($(chips_named) * NUM_SLICES)) chips; ask for more or take a smaller ACCELERATOR_TYPE"
}

# A core of v2 and v3 is a device of its own; from v4 on a chip is one.
devices_named() {
    case $ACCELERATOR_TYPE in
        v2-* | v3-*) printf '%s' $((${ACCELERATOR_TYPE##*-} * NUM_SLICES)) ;;
        *) printf '%s' $(($(chips_named) * NUM_SLICES)) ;;
    esac
}

begin "$@"
# With a config come the other arguments of its training, of which some change what it needs.
[[ " ${ARGUMENTS[*]-}" == *" --config"* ]] || no_more_arguments
require "${REQUIRED[@]}"
if ((${#ARGUMENTS[@]})); then
    find_config
    require_slice "$ACCELERATOR_TYPE"
    require_fit "$(devices_named)"
fi
check_account
check_machine
check_bucket
check_quota
if ((${#ARGUMENTS[@]})); then require_data; fi
say "preflight: $NUM_SLICES x $ACCELERATOR_TYPE ($PROVISIONING) in $ZONE with $RUNTIME_VERSION, writing to $WORKDIR"
