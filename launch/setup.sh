#!/usr/bin/env bash
# Makes the virtual environment that the other launch scripts run in. Sourced, not run:
#
#     source launch/setup.sh
#     set_up run        # what running needs
#     set_up dev        # and what testing needs
#
# Afterwards PYTHON is the environment's interpreter and HARDWARE one of cpu, tpu, cuda, cuda12.
# A stamp in .venv remembers what was installed, so that a second call takes no time and no network.
# ENTROPY_RL_EXTRA=cpu (or tpu, cuda, cuda12) overrides what is found in the machine.

set -euo pipefail

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ENVIRONMENT=$REPOSITORY/.venv
PYTHON=$ENVIRONMENT/bin/python
SUPPORTED_PYTHON='>=3.11,<3.14' # the releases that set-up was seen to work on
UV=""

die() {
    printf 'entropy_rl: %s\n' "$*" >&2
    exit 1
}

say() {
    printf 'entropy_rl: %s\n' "$*" >&2
}

# Prints the hardware's extra.
find_hardware() {
    if [[ -n ${ENTROPY_RL_EXTRA:-} ]]; then
        case $ENTROPY_RL_EXTRA in
            cpu | tpu | cuda | cuda12) printf '%s' "$ENTROPY_RL_EXTRA" ;;
            *) die "ENTROPY_RL_EXTRA is '$ENTROPY_RL_EXTRA'; it must be cpu, tpu, cuda or cuda12" ;;
        esac
    elif has_tpu; then
        printf tpu
    elif nvidia-smi -L >/dev/null 2>&1; then
        local driver
        driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1 | cut -d . -f 1)
        # CUDA 13 needs driver 580; older drivers run CUDA 12.
        if [[ $driver =~ ^[0-9]+$ ]] && ((driver < 580)); then printf cuda12; else printf cuda; fi
    else
        printf cpu
    fi
}

has_tpu() {
    [[ -n ${TPU_NAME:-} ]] && return 0
    compgen -G '/dev/accel[0-9]*' >/dev/null && return 0
    # Newer TPUs stand behind vfio, as other devices do: those of a TPU virtual machine are Google's, and no network card.
    compgen -G '/dev/vfio/[0-9]*' >/dev/null || return 1
    local device
    for device in /sys/bus/pci/devices/*; do
        [[ $(cat "$device/vendor" 2>/dev/null) == 0x1ae0 && $(cat "$device/class" 2>/dev/null) != 0x02* ]] && return 0
    done
    return 1
}

# A stamp's content: everything that decides what is installed, and where.
fingerprint() {
    {
        cat "$REPOSITORY/pyproject.toml" "$REPOSITORY/requirements.lock" "$REPOSITORY/launch/setup.sh"
        printf '%s\n' "$REPOSITORY" "$HARDWARE"
    } | cksum
}

require_space() {
    local gibibytes=3 free
    [[ $HARDWARE == cuda* ]] && gibibytes=10 # CUDA's libraries: 3 GiB packed, 5 unpacked
    free=$(df -Pk "$REPOSITORY" | awk 'NR == 2 { print $4 }')
    ((free >= gibibytes * 1024 * 1024)) ||
        die "set-up needs $gibibytes GiB in $REPOSITORY and $((free / 1024 / 1024)) are free; make room and run this again"
}

# Sets UV: from the PATH, from an earlier set-up, or into .uv by whatever the system's Python can do.
find_uv() {
    local tools=$REPOSITORY/.uv log
    if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
        UV=uv
        return
    fi
    UV=$tools/bin/uv
    "$UV" --version >/dev/null 2>&1 && return
    command -v python3 >/dev/null || die "no python3 found; install Python 3 (or uv) and run this again"
    say "installing uv into .uv"
    log=$(mktemp)
    # --target is allowed where the system's Python is externally managed; a venv helps where Python has no pip.
    python3 -m pip install --quiet --upgrade --target "$tools" uv >"$log" 2>&1 ||
        { python3 -m venv --clear "$tools" && "$tools/bin/python" -m pip install --quiet uv; } >>"$log" 2>&1 ||
        explain "$log" "python3 could install uv neither with pip nor in a venv; install uv, or python3-pip, and run this again"
    rm -f "$log"
    "$UV" --version >/dev/null 2>&1 || die "the uv that was installed in .uv does not run; remove that folder and run this again"
}

# Runs uv; turns its commonest failures into a sentence that says what to do.
run_uv() {
    local log
    log=$(mktemp)
    if ! "$UV" --no-progress "$@" 2>&1 | tee "$log" >&2; then
        explain "$log" "uv $1 failed for the reason above; run this again when it is mended"
    fi
    rm -f "$log"
}

explain() {
    local log=$1 otherwise=$2 text
    text=$(cat "$log")
    rm -f "$log"
    if grep -qiE 'no space left|disk quota' <<<"$text"; then
        die "the disk is full; make room and run this again (what was installed so far is kept)"
    elif grep -qiE 'dns error|failed to fetch|failed to download|error sending request|could not connect|connection (refused|reset)|connection broken|connecttimeout|newconnectionerror|timed out|unreachable|name resolution|network (is|was) |no route to host|offline' <<<"$text"; then
        die "set-up could not download what it needs; check the network (or HTTPS_PROXY) and run this again"
    fi
    [[ $otherwise == uv* ]] || printf '%s\n' "$text" >&2
    die "$otherwise"
}

install() {
    local extras=$1
    require_space
    find_uv
    if ! "$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        run_uv venv --clear --python "$SUPPORTED_PYTHON" "$ENVIRONMENT"
    fi
    say "installing entropy_rl[$extras] into .venv"
    run_uv pip install --python "$PYTHON" --constraint "$REPOSITORY/requirements.lock" --editable "${REPOSITORY}[$extras]"
}

# An accelerator that JAX does not see would be a run a hundred times too slow: better none.
require_accelerator() {
    local backend wanted=gpu
    [[ $HARDWARE == tpu ]] && wanted=tpu
    backend=$(XLA_PYTHON_CLIENT_PREALLOCATE=false "$PYTHON" -c 'import jax; print(jax.default_backend())' 2>/dev/null) || backend=nothing
    [[ $backend == "$wanted" ]] ||
        die "this machine has an accelerator ($HARDWARE) but JAX sees $backend; mend the driver, free the device, or set ENTROPY_RL_EXTRA=cpu to run without it"
}

set_up() {
    local purpose=$1 extras stamp
    HARDWARE=$(find_hardware)
    extras=$HARDWARE
    [[ $purpose == dev ]] && extras+=,dev
    stamp=$ENVIRONMENT/.installed-$extras
    if [[ ! -x $PYTHON || ! -f $stamp || $(cat "$stamp") != "$(fingerprint)" ]]; then
        install "$extras"
        fingerprint >"$stamp"
        cp "$stamp" "$ENVIRONMENT/.installed-$HARDWARE" 2>/dev/null || true # dev holds all that running needs
    fi
    export JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-$REPOSITORY/.jax_cache}
    if [[ $HARDWARE == cpu ]]; then
        export JAX_PLATFORMS=${JAX_PLATFORMS:-cpu}
    else
        require_accelerator
    fi
}
