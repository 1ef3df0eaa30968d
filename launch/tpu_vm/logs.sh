#!/usr/bin/env bash
# Shows the log of a worker and follows it.
#
#     bash launch/tpu_vm/logs.sh [--dry_run] [--settings=FILE] [--worker=0] [--slice=0] [--lines=100] [--no_follow]

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

begin "$@"
worker=0 slice=0 lines=100 follow=" follow"
for argument in ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}; do
    case $argument in
        --worker=*) worker=${argument#*=} ;;
        --slice=*) slice=${argument#*=} ;;
        --lines=*) lines=${argument#*=} ;;
        --no_follow) follow="" ;;
        *) die "unexpected $argument; logs.sh --help tells what it takes" ;;
    esac
done
[[ $worker =~ ^[0-9]+$ && $slice =~ ^[0-9]+$ && $lines =~ ^[0-9]+$ ]] || die "--worker, --slice and --lines take whole numbers"
require "${REQUIRED[@]}"
require_machine
read -r -a slices <<<"$SLICES"
((slice < ${#slices[@]})) || die "--slice=$slice, but there are ${#slices[@]}, counted from 0"
((worker < HOSTS / ${#slices[@]})) || die "--worker=$worker, but a slice has $((HOSTS / ${#slices[@]})), counted from 0"
flags=()
if [[ $INTERNAL_IPS == true ]]; then flags=(--internal-ip); fi
run gcloud compute tpus tpu-vm ssh "$SSH_USER@${slices[slice]}" "${WHERE[@]}" "--worker=$worker" \
    "--command=$WORKER logs $lines$follow" ${flags[@]+"${flags[@]}"} --quiet
