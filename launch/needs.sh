#!/usr/bin/env bash
# What a config needs of the cloud, by what its docstring says, so that nothing is paid for that must fail. Sourced after
# cloud.sh:
#
#     find_config          CONFIG, CONFIG_FILE: of the ARGUMENTS; refuses those without
#     declared PATTERN     FOUND, FOUND_IN: the first match in the config, or else in a preset that it derives from
#     require_slice TYPE   that a config made for one slice (--topology=...) gets it
#     require_fit DEVICES  that the training's words are right and its batches split over so many devices
#     require_data         that the datasets to prepare (entropy_rl.data prepare ...) are in DATA_DIR
#
# What only a preset behind the config says is no more than a hint, for the config may have changed it.

# The scripts that source this file use its variables.
# shellcheck disable=SC2034

find_config() {
    local word last=""
    CONFIG=""
    for word in ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}; do
        if [[ $last == --config ]]; then CONFIG=$word; fi
        if [[ $word == --config=* ]]; then CONFIG=${word#*=}; fi
        last=$word
    done
    [[ -n $CONFIG ]] || die "--config is missing; give the config to train, such as --config=configs/countdown_grpo.py"
    CONFIG_FILE=$CONFIG
    if [[ $CONFIG != *.py ]]; then CONFIG_FILE=configs/$CONFIG.py; fi
    [[ -f $CONFIG_FILE ]] || die "--config=$CONFIG: there is no $CONFIG_FILE here; give a file of this tree, or the name of a preset in configs/"
}

declared() {
    FOUND="" FOUND_IN=""
    look_in "$CONFIG_FILE" "$1" || true
}

look_in() {
    local file=$1 pattern=$2 base
    FOUND=$(grep -oE -e "$pattern" "$file" | head -n 1 || true)
    if [[ -n $FOUND ]]; then
        FOUND_IN=$file
        return
    fi
    for base in $(sed -nE 's/^from configs import //p' "$file" | tr -d '(),'); do
        if [[ -f configs/$base.py ]] && look_in "configs/$base.py" "$pattern"; then return; fi
    done
    return 1
}

# Ends the script where the config says so itself, and says it where a preset behind it does.
refuse() {
    if [[ $FOUND_IN == "$CONFIG_FILE" ]]; then die "$1"; fi
    say "perhaps: $1"
}

runtime_for() {
    case $1 in
        v5e) printf v2-alpha-tpuv5-lite ;;
        v5p) printf v2-alpha-tpuv5 ;;
        v6e) printf v2-alpha-tpuv6e ;;
        *) printf tpu-ubuntu2204-base ;;
    esac
}

# accelerator_type GENERATION CHIPS: v5p and v4 are named by their cores, two a chip.
accelerator_type() {
    case $1 in
        v5e | v5litepod) printf 'v5litepod-%s' "$2" ;;
        v4 | v5p) printf '%s-%s' "$1" $((2 * $2)) ;;
        *) printf '%s-%s' "$1" "$2" ;;
    esac
}

require_slice() {
    local offered=$1 slice generation wanted
    declared '--topology=[a-z0-9]+:[0-9]+(x[0-9]+)+'
    [[ -n $FOUND ]] || return 0
    slice=${FOUND#*=}
    generation=${slice%:*} wanted=${slice#*:}
    wanted=$(accelerator_type "$generation" $((${wanted//x/*})))
    if [[ $offered == "$wanted" && $NUM_SLICES == 1 ]]; then return; fi
    # Who lays out the mesh anew means another machine.
    if [[ " ${ARGUMENTS[*]}" == *[\ =]mesh[.=]* ]]; then return; fi
    refuse "$FOUND_IN is made for one slice $slice and would get $NUM_SLICES x $offered; set ACCELERATOR_TYPE=$wanted, RUNTIME_VERSION=$(runtime_for "$generation"), NUM_SLICES=1 and a ZONE that has it (gcloud compute tpus locations list), or take a config of another slice"
}

# Asked of the package itself, so only where it is installed here: by launch/local.sh, or in the present environment.
require_fit() {
    local devices=$1 interpreter=python3 answer
    if [[ -x $PYTHON ]]; then interpreter=$PYTHON; fi
    if ! "$interpreter" -c "import entropy_rl.train" >/dev/null 2>&1; then
        say "the package is not installed here, so whether $CONFIG fits $devices devices was not looked at"
        return
    fi
    answer=$(JAX_PLATFORMS=cpu "$interpreter" -m entropy_rl.train "${ARGUMENTS[@]}" "--devices=$devices" "--slices=$NUM_SLICES" 2>&1) ||
        die "$CONFIG on $devices devices: $(grep -Ev '^ *$|^Pass --helpshort' <<<"$answer" | tail -n 1)"
}

require_data() {
    local answer name missing="" names
    declared 'entropy_rl\.data prepare( [a-z0-9_]+)+'
    [[ -n $FOUND ]] || return 0
    # Who names another folder has them there.
    if [[ " ${ARGUMENTS[*]}" == *data_dir=* ]]; then return; fi
    names=${FOUND#*prepare }
    ask answer "" gcloud storage ls "$DATA_DIR/*/*/dataset_info.json" || nothing_there || fail "listing the datasets in $DATA_DIR"
    if $DRY_RUN; then return; fi
    for name in $names; do
        [[ $answer == *"$DATA_DIR/$name/"* ]] || missing+=" $name"
    done
    [[ -z $missing ]] ||
        refuse "$FOUND_IN needs data that is not in $DATA_DIR:$missing; prepare it once, here or wherever the package is: python -m entropy_rl.data prepare $names --data_dir=$DATA_DIR"
}
