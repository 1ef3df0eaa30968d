#!/usr/bin/env bash
# The queued resource, its slices and their workers, as the cloud tells of them. Sourced, not run.
#
#     read_state [SUPPOSED]       STATE, REASON: of the queued resource; ABSENT if there is none
#     read_slices                 SLICES, HOSTS, CHIPS, SINCE, SLICE_STATES: of the machines
#     on_workers all 'COMMAND'    runs it on all workers of all slices; OUTPUT is what they printed
#     answers WORD                how many workers printed a line "worker HOST WORD ..."

# The scripts that source this file use its variables.
# shellcheck disable=SC2034
# shellcheck source=launch/cloud.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cloud.sh"

REQUIRED=(PROJECT_ID ZONE TPU_NAME QUEUED_RESOURCE_ID ACCELERATOR_TYPE RUNTIME_VERSION BUCKET)
SSH_USER=entropy # one account for everybody, so that the run is found from any laptop; OS Login overrides it
SSH_ATTEMPTS=3   # on top of gcloud's own ten
WORKER="bash entropy_rl/launch/tpu_vm/worker.sh"
# A machine that nothing was shipped to has no worker.sh yet.
LOOK="if [ -f entropy_rl/launch/tpu_vm/worker.sh ]; then $WORKER status; else echo worker \$(hostname) idle; fi"

read_state() {
    local answer
    if ask answer "${1:-ACTIVE}|" gcloud compute tpus queued-resources describe "$QUEUED_RESOURCE_ID" "${WHERE[@]}" \
        "--format=value[separator='|'](state.state,state.failedData.error.message)"; then
        STATE=${answer%%|*} REASON=${answer#*|}
    elif [[ $(kind_of_error) == absent ]]; then
        STATE=ABSENT REASON=""
    else
        fail "asking for the state of $QUEUED_RESOURCE_ID"
    fi
}

# Several slices are named by the cloud; a single one is ours to name.
read_slices() {
    local answer slice state since topology hosts
    SLICES=$TPU_NAME HOSTS=0 CHIPS=0 SINCE="" SLICE_STATES=""
    if ((NUM_SLICES > 1)); then
        ask SLICES "$TPU_NAME-0 $TPU_NAME-1" gcloud compute tpus queued-resources describe "$QUEUED_RESOURCE_ID" \
            "${WHERE[@]}" "--format=value(tpu.nodeSpec[].nodeId.list(separator=' '))" || fail "asking for the slices"
    fi
    for slice in $SLICES; do
        if ! ask answer "READY|2000-01-01T00:00:00Z||$(hosts_named)" gcloud compute tpus tpu-vm describe "$slice" "${WHERE[@]}" \
            "--format=value[separator='|'](state,createTime,acceleratorConfig.topology,networkEndpoints.len())"; then
            [[ $(kind_of_error) == absent ]] || fail "asking for the state of $slice"
            answer="ABSENT|||0"
        fi
        IFS='|' read -r state since topology hosts <<<"$answer"
        SLICE_STATES+=" $state"
        SINCE=${SINCE:-$since}
        HOSTS=$((HOSTS + ${hosts:-0}))
        CHIPS=$((CHIPS + $(chips_of "$topology")))
        TOPOLOGY=$topology
    done
    SLICE_STATES=${SLICE_STATES# }
}

# 4x4 is 16 chips, 2x2x2 is 8. A machine that does not tell its topology is as large as its name says.
chips_of() {
    local topology=$1
    if [[ $topology =~ ^[0-9]+(x[0-9]+)+$ ]]; then
        printf '%s' $((${topology//x/*}))
    else
        chips_named
    fi
}

# The hosts of one slice, as far as its name tells: four chips each, but for the single hosts of v5e and v6e with eight.
hosts_named() {
    local chips
    chips=$(chips_named)
    case $ACCELERATOR_TYPE in
        v5litepod-8 | v6e-8) printf 1 ;;
        *) printf '%s' $(((chips + 3) / 4)) ;;
    esac
}

all_ready() {
    local state
    for state in $SLICE_STATES; do [[ $state == READY ]] || return 1; done
}

# on_workers WORKERS COMMAND: false when any worker failed; ssh that fails on its own account is tried again.
on_workers() {
    local workers=$1 command=$2 slice answer attempt status=0
    local flags=()
    if [[ $INTERNAL_IPS == true ]]; then flags=(--internal-ip); fi
    OUTPUT=""
    for slice in $SLICES; do
        for ((attempt = 1; ; attempt++)); do
            ask answer "" gcloud compute tpus tpu-vm ssh "$SSH_USER@$slice" "${WHERE[@]}" "--worker=$workers" \
                "--command=$command" ${flags[@]+"${flags[@]}"} --quiet && break
            case $(kind_of_error) in
                login | agent | forbidden | disabled) fail "reaching the workers of $slice" ;; # no other try helps
            esac
            if [[ $(kind_of_error) != unreachable ]] || ((attempt == SSH_ATTEMPTS)); then
                status=1
                break
            fi
            say "ssh to $slice failed; trying again"
            sleep "$POLL_SECONDS"
        done
        OUTPUT+=$answer$'\n'
    done
    return "$status"
}

# send FILE NAME: copies a file into the home of every worker.
send() {
    local slice flags=()
    if [[ $INTERNAL_IPS == true ]]; then flags=(--internal-ip); fi
    for slice in $SLICES; do
        ask OUTPUT "" gcloud compute tpus tpu-vm scp "$1" "$SSH_USER@$slice:$2" "${WHERE[@]}" --worker=all \
            ${flags[@]+"${flags[@]}"} --quiet || return 1
    done
}

answers() {
    local word=$1 tag host state rest count=0
    if $DRY_RUN && [[ $word != busy && $word != saving ]]; then count=$HOSTS; fi
    while read -r tag host state rest; do
        if [[ $tag == worker && ($word == any || $state == "$word") ]]; then count=$((count + 1)); fi
    done <<<"$OUTPUT"
    printf '%s' "$count"
}

# The workers of a single slice that did not answer; their host names end in -w-NUMBER.
silent_workers() {
    local number missing=""
    for ((number = 0; number < HOSTS; number++)); do
        [[ $OUTPUT == *"-w-$number "* ]] || missing+=" $number"
    done
    ((NUM_SLICES == 1)) && printf '%s' "$missing"
}

require_machine() {
    read_state
    [[ $STATE == ACTIVE ]] || die "$QUEUED_RESOURCE_ID is $STATE, so there is no machine; make one with launch/tpu_vm/up.sh"
    read_slices
    all_ready || die "the slices of $QUEUED_RESOURCE_ID are $SLICE_STATES; launch/tpu_vm/up.sh makes new ones and resumes"
}

# require_all WORD WHAT: that every worker the cloud knows of answered with that word.
require_all() {
    local count
    count=$(answers "$1")
    ((count == HOSTS)) && return
    printf '%s\n%s\n' "$ERROR" "$OUTPUT" >&2
    ERROR=""
    die "$2 on $count of $HOSTS workers${3:+ ($3)}; silent:$(silent_workers); every worker must answer, so mend it or delete and create the machine again"
}
