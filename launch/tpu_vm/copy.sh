#!/usr/bin/env bash
# Copies a run's results from the bucket to this computer, and the workers' logs if the machine is there. Checkpoints
# are left out unless asked for.
#
#     bash launch/tpu_vm/copy.sh [--dry_run] [--settings=FILE] [--workdir=gs://...] [--out=runs/NAME] [--checkpoints]

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

begin "$@"
out="" flags=("--exclude=^checkpoints/.*")
for argument in ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}; do
    case $argument in
        --out=?*) out=${argument#*=} ;;
        --checkpoints) flags=() ;;
        *) die "unexpected $argument; copy.sh --help tells what it takes" ;;
    esac
done
require "${REQUIRED[@]}"
out=${out:-runs/${WORKDIR##*/}}
run mkdir -p "$out/logs"
ask OUTPUT "" gcloud storage rsync "$WORKDIR" "$out" --recursive ${flags[@]+"${flags[@]}"} || fail "copying $WORKDIR"
read_state
if [[ $STATE == ACTIVE ]]; then
    read_slices
    addresses=()
    if [[ $INTERNAL_IPS == true ]]; then addresses=(--internal-ip); fi
    read -r -a slices <<<"$SLICES"
    # From machines to here, scp takes one worker at a time.
    for slice in "${slices[@]}"; do
        for ((worker = 0; worker < HOSTS / ${#slices[@]}; worker++)); do
            ask OUTPUT "" gcloud compute tpus tpu-vm scp "$SSH_USER@$slice:entropy_rl_run/log" \
                "$out/logs/$slice-worker-$worker.log" "${WHERE[@]}" "--worker=$worker" ${addresses[@]+"${addresses[@]}"} --quiet ||
                say "worker $worker of $slice has no log to copy"
        done
    done
fi
say "copied to $out"
