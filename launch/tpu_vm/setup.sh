#!/usr/bin/env bash
# Ships the working tree, uncommitted files included, to every worker and installs it there. What git ignores stays
# behind; launch/secrets.env goes along as a file of mode 600. Workers that have this very tree are left alone.
#
#     bash launch/tpu_vm/setup.sh [--dry_run] [--settings=FILE]

# shellcheck source=launch/tpu_vm/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

LIST=.launch/files
ARCHIVE=.launch/entropy_rl.tar.gz
MAX_MEBIBYTES=100

# Every file that belongs to the tree, as names that end in a zero byte.
list_files() {
    local name
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -z
    else
        find . \( -name .git -o -name .venv -o -name .uv -o -name .launch -o -name '.*_cache' -o -name __pycache__ -o -path ./runs \) \
            -prune -o -type f ! -name settings.env ! -name secrets.env -print0
    fi | while IFS= read -r -d '' name; do
        if [[ -f $name || -L $name ]]; then printf '%s\0' "$name"; fi # a file deleted since the last commit is still listed
    done
}

pack() {
    local size largest
    mkdir -p .launch
    list_files >"$LIST"
    # Names and contents decide; two laptops with the same files get the same.
    TREE=$( (cat "$LIST" && xargs -0 cksum <"$LIST") | cksum | tr ' ' -)
    size=$(xargs -0 du -k <"$LIST" | awk '{ sum += $1 } END { print int(sum / 1024) }')
    if ((size > MAX_MEBIBYTES)); then
        largest=$(xargs -0 du -k <"$LIST" | sort -n | tail -n 1 | awk '{ $1 = ""; print substr($0, 2) }')
        die "the working tree has $size MiB to ship, more than $MAX_MEBIBYTES; move $largest away or list it in .gitignore"
    fi
    # Without the variable, macOS adds a hidden file to every file.
    COPYFILE_DISABLE=1 tar -czf "$ARCHIVE" --null -T "$LIST"
}

begin "$@"
no_more_arguments
require "${REQUIRED[@]}"
check_secrets
require_machine

TREE=TREE
if $DRY_RUN; then run tar -czf "$ARCHIVE" --null -T "$LIST"; else pack; fi

# The file for the secrets is made with its mode before anything is written into it.
on_workers all "umask 077; touch .entropy_rl_secrets; chmod 600 .entropy_rl_secrets; echo worker \$(hostname) tree=\$(cat entropy_rl_run/tree 2>/dev/null)" ||
    require_all any "ssh works"
require_all any "ssh works"
if [[ -f $SECRETS ]]; then
    send "$SECRETS" .entropy_rl_secrets || fail "sending the secrets"
fi
if (($(answers "tree=$TREE") == HOSTS)) && ! $DRY_RUN; then
    say "all $HOSTS workers have this tree already"
    exit 0
fi
say "shipping the working tree to $HOSTS workers"
send "$ARCHIVE" entropy_rl.tar.gz || fail "shipping the working tree"
on_workers all "rm -rf entropy_rl.new && mkdir entropy_rl.new && tar -xzf entropy_rl.tar.gz -C entropy_rl.new && bash entropy_rl.new/launch/tpu_vm/worker.sh install $TREE" ||
    true
if (($(answers busy) > 0)); then die "a training runs on the workers; stop it first with launch/tpu_vm/stop.sh"; fi
require_all ready "the package is installed"
say "all $HOSTS workers are ready"
