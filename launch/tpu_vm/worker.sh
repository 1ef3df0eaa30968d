#!/usr/bin/env bash
# What a worker of a slice does; setup.sh ships it there and the other scripts call it over ssh.
#
#     worker.sh install TREE     moves the unpacked tree into place and installs the package
#     worker.sh start WORDS...   starts the training detached; what runs already goes on
#     worker.sh status           one line: worker HOST running|finished|failed|stopped|lost|idle DETAILS
#     worker.sh stop [now]       asks the training to save and leave, and waits for it
#     worker.sh logs LINES [follow]
#
# State lives in ~/entropy_rl_run: pid (of the shell that waits), child (of the training), log, exit_status, command,
# tree and stopped.

set -euo pipefail

CODE=$HOME/entropy_rl
STATE=$HOME/entropy_rl_run
SECRETS=$HOME/.entropy_rl_secrets
GRACE_SECONDS=${GRACE_SECONDS:-90}
mkdir -p "$STATE"

answer() {
    printf 'worker %s %s\n' "$(hostname)" "$*"
}

# After a reboot the number may be that of anybody.
alive() {
    [[ -f $STATE/pid ]] && grep -qs supervise "/proc/$(cat "$STATE/pid")/cmdline"
}

install_tree() {
    local unpacked=$HOME/entropy_rl.new part
    if alive; then
        answer busy "a training runs here; stop it first"
        exit 1
    fi
    if [[ -d $unpacked ]]; then
        for part in .venv .uv .jax_cache; do # kept from tree to tree
            if [[ -e $CODE/$part ]]; then mv "$CODE/$part" "$unpacked/$part"; fi
        done
        rm -rf "$CODE"
        mv "$unpacked" "$CODE"
    fi
    cd "$CODE"
    export ENTROPY_RL_EXTRA=tpu
    # shellcheck source=launch/setup.sh
    source launch/setup.sh
    # A host of a slice sees its chips only while all the others ask for theirs, so that JAX cannot be asked here.
    require_accelerator() { has_tpu || die "this worker has no TPU device; delete the machine and create it again"; }
    set_up run
    printf '%s' "$1" >"$STATE/tree"
    answer ready
}

start() {
    local command
    command=$(printf '%s\n' "$@")
    if alive; then
        if [[ $command != "$(cat "$STATE/command")" ]]; then
            answer busy "another training runs here: $(tr '\n' ' ' <"$STATE/command")"
            exit 1
        fi
        answer started "already"
        return
    fi
    printf '%s' "$command" >"$STATE/command"
    rm -f "$STATE/exit_status" "$STATE/stopped" "$STATE/pid"
    setsid bash "${BASH_SOURCE[0]}" supervise "$@" </dev/null >>"$STATE/log" 2>&1 &
    local deadline=$((SECONDS + 10))
    until [[ -f $STATE/pid || -f $STATE/exit_status ]]; do
        if ((SECONDS > deadline)); then
            answer failed "to start; see $STATE/log"
            exit 1
        fi
        sleep 0.05
    done
    answer started
}

# Runs the training and keeps its exit status.
supervise() {
    local status child line
    cd "$CODE"
    if [[ -f $SECRETS ]]; then
        while IFS= read -r line || [[ -n $line ]]; do
            if [[ $line =~ ^[A-Za-z_][A-Za-z_0-9]*= ]]; then export "${line?}"; fi
        done <"$SECRETS"
    fi
    export JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-$CODE/.jax_cache}
    printf 'worker.sh: %s starts: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"
    "$CODE/.venv/bin/python" -m entropy_rl.train "$@" &
    child=$!
    printf '%s' "$child" >"$STATE/child"
    printf '%s' $$ >"$STATE/pid"
    # When the machine goes down, every process gets SIGTERM. Passing it on would make it two for the training, which
    # does not wait for its save then; so this shell only waits.
    trap : TERM INT HUP
    while wait "$child" || true; kill -0 "$child" 2>/dev/null; do :; done
    status=0
    wait "$child" || status=$?
    printf 'worker.sh: %s ended with exit status %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$status"
    printf '%s' "$status" >"$STATE/exit_status"
    rm -f "$STATE/pid"
}

status() {
    local code details
    details="tree=$(cat "$STATE/tree" 2>/dev/null || printf none)"
    if [[ -f $STATE/command ]]; then details+=" run=$(cksum <"$STATE/command" | cut -d ' ' -f 1)"; fi
    code=$(cat "$STATE/exit_status" 2>/dev/null || true)
    if alive; then
        answer running "$details"
    elif [[ -f $STATE/stopped ]]; then
        answer stopped "exit=$code $details"
    elif [[ $code == 0 ]]; then
        answer finished "$details"
    elif [[ -n $code ]]; then
        answer failed "exit=$code $details"
    elif [[ -f $STATE/pid ]]; then
        answer lost "$details" # the machine went down under it
    else
        answer idle "$details"
    fi
}

stop() {
    local deadline=$((SECONDS + GRACE_SECONDS)) pid
    if ! alive; then
        answer stopped "nothing ran"
        return
    fi
    pid=$(cat "$STATE/pid")
    touch "$STATE/stopped"
    kill -TERM "$(cat "$STATE/child")" 2>/dev/null || true
    if [[ ${1:-} == now ]]; then deadline=$((SECONDS + 2)); fi
    while alive && ((SECONDS < deadline)); do sleep 0.1; done
    if alive; then
        if [[ ${1:-} != now ]]; then
            answer saving "still at work after $GRACE_SECONDS s"
            exit 1
        fi
        kill -KILL -- "-$pid" 2>/dev/null || true # its session: the training too
        rm -f "$STATE/pid"
    fi
    answer stopped "exit=$(cat "$STATE/exit_status" 2>/dev/null)"
}

logs() {
    touch "$STATE/log"
    if [[ ${2:-} == follow ]]; then exec tail -n "$1" -F "$STATE/log"; fi
    tail -n "$1" "$STATE/log"
}

case ${1:-} in
    install) install_tree "$2" ;;
    start | supervise | status | stop | logs) "$@" ;;
    *)
        answer busy "worker.sh knows no ${1:-nothing}"
        exit 1
        ;;
esac
