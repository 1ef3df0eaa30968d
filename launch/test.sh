#!/usr/bin/env bash
# Sets up what is missing and runs the tests. Needs nothing but a system Python.
#
#     bash launch/test.sh                    the quick tests
#     bash launch/test.sh --all              the slow ones too
#     bash launch/test.sh --checks           style, types and shell scripts first
#     bash launch/test.sh -k clip_cov -x     further flags go to pytest

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh

selection=(-m "not slow")
checks=false
while (($#)); do
    case $1 in
        --all) selection=() ;;
        --checks) checks=true ;;
        --)
            shift
            break
            ;;
        *) break ;;
    esac
    shift
done

set_up dev
export PATH=$ENVIRONMENT/bin:$PATH

if $checks; then
    ruff check .
    ruff format --check .
    shellcheck --external-sources launch/*.sh launch/*/*.sh .ci/run
    # Node comes as a wheel (pyright[nodejs]) and pyright inside its own: nothing is fetched here.
    PYRIGHT_PYTHON_IGNORE_WARNINGS=1 pyright
fi
# A file stays in one process: its tests share what they compile. A worker holds up to 4 GiB.
"$PYTHON" -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile "${selection[@]}" "$@"
