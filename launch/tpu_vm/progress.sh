#!/usr/bin/env bash
# What a run's workdir in the bucket tells, and what the launch scripts note down beside it. Sourced after machine.sh.
#
#     read_progress       STEP, STEPS, SECONDS_PER_STEP, FIGURES; empty where nothing is known yet
#     read_machines       CHIP_HOURS, MACHINES: of all machines that this workdir had
#     note_machine        notes that the machine of now is still there
#     read_finished       FINISHED: the command that came to its end, if one did

# The scripts that source this file use its variables.
# shellcheck disable=SC2034,SC2153

NOTES=$WORKDIR/launch

# read_object VARIABLE SUPPOSED WHAT URL: the object's text, or nothing.
read_object() {
    ask "$1" "$2" gcloud storage cat "$4" || nothing_there || fail "reading $3"
}

number_in() {
    grep -o "\"$1\": *[-0-9.e+]*" <<<"$2" | tail -n 1 | sed 's/.*: *//' || true
}

# A bucket cannot append: metrics come in parts, metrics.00001.jsonl and on.
read_progress() {
    local parts="" part text="" config="" row name value
    STEP="" STEPS="" SECONDS_PER_STEP="" FIGURES=""
    ask parts "$WORKDIR/metrics.00001.jsonl" gcloud storage ls "$WORKDIR/metrics.*.jsonl" ||
        nothing_there || fail "listing the metrics"
    part=$(LC_ALL=C sort <<<"$parts" | tail -n 1)
    if [[ -z $part ]]; then return; fi
    read_object text '{"step": 1, "time/step": 1.0}' "the metrics" "$part"
    read_object config '{"flat": {"steps": 2}}' "the config" "$WORKDIR/config.json"
    row=$(grep '^{.*}$' <<<"$text" | tail -n 1 || true)
    STEP=$(number_in step "$row")
    STEPS=$(number_in steps "$(tr -d '\n' <<<"$config" | sed 's/.*"flat"//')")
    SECONDS_PER_STEP=$(grep -o '"time/step": *[0-9.e+-]*' <<<"$text" | sed 's/.*: *//' |
        awk '{ sum += $1 } END { if (NR) printf "%.1f", sum / NR }' || true)
    for name in reward/mean entropy/token_mean response/length_mean; do
        value=$(number_in "$name" "$row")
        if [[ -n $value ]]; then FIGURES+=", $name $value"; fi
    done
}

seconds_of() {
    date -u -d "$1" +%s 2>/dev/null || date -u -j -f '%Y-%m-%dT%H:%M:%S' "${1%%[.Z]*}" +%s
}

note_machine() {
    local now
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    if $DRY_RUN; then
        run gcloud storage cp - "$NOTES/machines/$SINCE"
    else
        printf '%s %s %s\n' "$CHIPS" "$SINCE" "$now" | gcloud storage cp - "$NOTES/machines/$SINCE" 2>/dev/null ||
            say "the chip-hours could not be noted in $NOTES"
    fi
}

read_machines() {
    local notes="" chips since until total=0 now
    now=$(date -u +%s)
    read_object notes "" "the notes on machines" "$NOTES/machines/*"
    MACHINES=0
    # The machine of now counts until now, whenever it was last noted.
    if ((${CHIPS:-0} > 0)); then
        MACHINES=1 total=$((CHIPS * (now - $(seconds_of "$SINCE"))))
    fi
    while read -r chips since until; do
        if [[ -z $until || $since == "${SINCE:-}" ]]; then continue; fi
        MACHINES=$((MACHINES + 1))
        total=$((total + chips * ($(seconds_of "$until") - $(seconds_of "$since"))))
    done <<<"$notes"
    CHIP_HOURS=$(awk -v seconds="$total" 'BEGIN { printf "%.1f", seconds / 3600 }')
}

read_finished() {
    read_object FINISHED "" "the note of the end" "$NOTES/finished"
}

note_finished() {
    if $DRY_RUN; then
        run gcloud storage cp - "$NOTES/finished"
    else
        printf '%s' "$1" | gcloud storage cp - "$NOTES/finished"
    fi
}
