#!/usr/bin/env bash
# Does it all: checks, asks for the machine, sets it up, runs the training to its end, copies the results and deletes the
# machine. When the machine is preempted or breaks, it makes a new one and resumes.
#
#     bash launch/tpu_vm/up.sh --config=configs/countdown_grpo.py [--set steps=100 ...]
#     bash launch/tpu_vm/up.sh [--dry_run] [--settings=FILE] [--workdir=gs://...] [--out=runs/NAME] [--keep] ...
#
# Everything else goes to entropy_rl.train. It keeps nothing on this computer: every look asks the cloud, so it can be
# killed and started again, here or anywhere, with the same command. --keep leaves the machine when the run is over.
#
# Exit status: 0 the run came to its end, 1 it failed three times without a step between, 143 stop.sh stopped it.

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
# shellcheck source=launch/needs.sh
source launch/needs.sh

MAX_FAILURES=3 # in a row, without a step of training between them
MAX_SILENCE=3  # looks at which a worker does not answer
MAX_UNSETTLED=3 # looks at which some workers have ended and others have not: they do not end in the same second

begin "$@"
keep=false copy=() training=()
for argument in ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}; do
    case $argument in
        --keep) keep=true ;;
        --out=?*) copy+=("$argument") ;;
        *) training+=("$argument") ;;
    esac
done
require "${REQUIRED[@]}"
find_config
check_secrets
# shellcheck source=launch/tpu_vm/progress.sh
source launch/tpu_vm/progress.sh

failures=0 refusals=0 silence=0 unsettled=0 last_step="" started=false
command=$(quoted "${training[@]}")

script() {
    local name=$1 flags=("--settings=$SETTINGS" "--workdir=$WORKDIR")
    shift
    if $DRY_RUN; then flags+=(--dry_run); fi
    bash "launch/tpu_vm/$name.sh" "${flags[@]}" "$@"
}

# In the background, so that a signal is answered at once.
pause() {
    if $DRY_RUN; then return; fi
    sleep "$POLL_SECONDS" &
    wait $! || true
}

leave() {
    say "left; what runs in the cloud goes on and is paid for. The same command watches it again, launch/tpu_vm/stop.sh stops it, launch/tpu_vm/delete.sh ends the costs"
    exit 130
}

ended() {
    script copy ${copy[@]+"${copy[@]}"} || say "the results could not be copied; they are in $WORKDIR"
    if $keep; then
        say "the machine is kept and paid for until launch/tpu_vm/delete.sh"
    else
        script delete
    fi
}

# Counts a failure, from nought again if the training got on since the last one.
failed() {
    say "$1"
    read_progress
    if [[ $STEP != "$last_step" ]]; then failures=0; fi
    last_step=$STEP
    failures=$((failures + 1))
    if ((failures < MAX_FAILURES)); then
        pause
        return
    fi
    say "given up after $failures failures since step ${STEP:-0}"
    ended
    exit 1
}

# A machine that is gone for good still holds quota and its name until it is deleted.
replace() {
    say "$1; deleting it and asking for another"
    script delete --now || failed "it could not be deleted"
    started=false silence=0
}

ask_for_machine() {
    local status=0
    script create --no_preflight --no_wait || status=$?
    if ((status == 75)); then
        pause
    elif ((status)); then
        exit "$status" # quota, rights or settings: waiting does not help, and create.sh said what does
    fi
}

request_failed() {
    local kind
    ERROR=$REASON
    kind=$(kind_of_error)
    script delete --now
    case $kind in
        quota | forbidden) fail "the request for $ACCELERATOR_TYPE" ;;
    esac
    [[ -z $VALID_UNTIL_DURATION ]] || die "no $ACCELERATOR_TYPE came within $VALID_UNTIL_DURATION${REASON:+ ($REASON)}; run this again for another try"
    refusals=$((refusals + 1))
    if [[ $kind != capacity ]] && ((refusals >= MAX_FAILURES)); then die "the request failed $refusals times${REASON:+ ($REASON)}"; fi
    say "the request failed${REASON:+ ($REASON)}; asking again"
    pause
}

# Whether the machine is still there; a preemption explains what went wrong and counts as no failure.
still_there() {
    read_state
    if [[ $STATE == ACTIVE ]]; then read_slices; fi
    [[ $STATE == ACTIVE ]] && all_ready
}

start() {
    if script setup && script run "${training[@]}"; then
        started=true silence=0 refusals=0
    elif still_there; then
        silence=$((silence + 1))
        failed "the training could not be started"
        if ((silence >= MAX_SILENCE - 1)); then replace "the machine cannot be used"; fi
    fi
}

restart() {
    say "$1; stopping the rest and resuming"
    on_workers all "$WORKER stop" || true
    if ! script run "${training[@]}" && still_there; then failed "the training could not be resumed"; fi
}

# How many workers tell of another training than this one, such as the last one on a machine that was kept.
strangers() {
    local run
    run=$(printf '%s' "$(printf '%s\n' "${training[@]}" "--workdir=$WORKDIR" "--processes=$HOSTS")" | cksum | cut -d ' ' -f 1)
    grep ' run=' <<<"$OUTPUT" | grep -vc " run=$run\$" || true
}

# One look at the workers of a machine that is there.
watch_workers() {
    on_workers all "$LOOK" || true
    if $DRY_RUN; then
        start
        on_workers all "$WORKER status"
        note_machine
        finish
    fi
    if (($(answers any) < HOSTS)); then
        if [[ $(kind_of_error) == gone ]]; then
            pause
            return
        fi
        silence=$((silence + 1))
        say "$((HOSTS - $(answers any))) of $HOSTS workers do not answer:$(silent_workers)"
        if ((silence < MAX_SILENCE)); then
            pause
        else
            failed "a worker was silent $silence times"
            replace "the machine is broken"
        fi
        return
    fi
    silence=0
    if (($(strangers) > 0)); then
        if (($(answers running) > 0)); then die "another training runs on $QUEUED_RESOURCE_ID; launch/tpu_vm/stop.sh stops it"; fi
        start
    elif (($(answers running) == HOSTS)); then
        started=true unsettled=0
        note_machine
        read_progress
        say "running on $HOSTS workers, step ${STEP:-0} of ${STEPS:-unknown}$FIGURES"
        pause
    elif (($(answers finished) == HOSTS)); then
        finish
    elif (($(answers stopped) > 0)) && $started; then
        say "stopped by launch/tpu_vm/stop.sh; the same command resumes it"
        exit 143
    elif (($(answers idle) + $(answers stopped) == HOSTS)); then
        start
    elif (($(answers failed) + $(answers lost) == 0 && unsettled < MAX_UNSETTLED)); then
        unsettled=$((unsettled + 1))
        pause
    elif [[ -z $(grep ' failed ' <<<"$OUTPUT" | grep -v 'exit=143' || true) && $OUTPUT == *exit=143* ]]; then
        unsettled=0
        restart "the training was asked to stop and has saved" # the machine is about to go, or was rebooted
        pause
    else
        unsettled=0
        say "the training failed:"
        grep -v ' running ' <<<"$OUTPUT" >&2 || true
        # Exit status 75 is that of a worker that lost another, so that its log tells least.
        culprit=$(grep ' failed ' <<<"$OUTPUT" | grep -Ev 'exit=(75|143)' | head -n 1 | sed 's/.*-w-\([0-9]*\) .*/\1/' || true)
        if [[ ! $culprit =~ ^[0-9]+$ ]]; then culprit=0; fi
        on_workers "$culprit" "$WORKER logs 20" || true
        printf '%s\n' "$OUTPUT" >&2
        failed "the training failed"
        restart "trying again"
    fi
}

finish() {
    note_finished "$command" || say "the end could not be noted in $NOTES"
    say "the training is finished"
    ended
    exit 0
}

watch_machine() {
    read_slices
    case " $SLICE_STATES " in
        *" PREEMPTED "* | *" TERMINATED "* | *" STOPPED "* | *" STOPPING "* | *" DELETING "* | *" ABSENT "* | *" UNKNOWN "*)
            replace "the machine is $SLICE_STATES"
            ;;
        *)
            if all_ready; then
                watch_workers
            else
                say "the machine is $SLICE_STATES"
                pause
            fi
            ;;
    esac
}

trap leave INT TERM
read_finished
if [[ -n $FINISHED && $FINISHED == "$command" ]]; then
    say "this training is finished, as $NOTES/finished says; remove that to run it again"
    ended
    exit 0
fi
script preflight "${training[@]}"
read_state ABSENT
while :; do
    case $STATE in
        ABSENT) ask_for_machine ;;
        ACTIVE) watch_machine ;;
        FAILED) request_failed ;;
        SUSPENDED) replace "$QUEUED_RESOURCE_ID was preempted" ;;
        *)
            say "$QUEUED_RESOURCE_ID is $STATE"
            pause
            ;;
    esac
    read_state
done
