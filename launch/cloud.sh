#!/usr/bin/env bash
# What the launch scripts for Google Cloud share: settings, --dry_run, and errors as sentences. Sourced, not run:
#
#     source launch/cloud.sh
#     begin "$@"           # takes --dry_run, --settings and --workdir; leaves the rest in ARGUMENTS
#     require ZONE BUCKET  # refuses settings that are missing or impossible
#
# Commands that change or read the cloud go through `run` and `ask`, which under --dry_run print them and run none.

# The scripts that source this file use its variables.
# shellcheck disable=SC2034
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh

SETTING_NAMES="PROJECT_ID ZONE TPU_NAME QUEUED_RESOURCE_ID ACCELERATOR_TYPE RUNTIME_VERSION BUCKET PROVISIONING
DATA_DIR VALID_UNTIL_DURATION NUM_SLICES NETWORK SUBNETWORK SERVICE_ACCOUNT INTERNAL_IPS PRICE_PER_CHIP_HOUR CLUSTER NODE_POOL
IMAGE CLUSTER_LOCATION KUBERNETES_ACCOUNT"
SECRETS=launch/secrets.env
POLL_SECONDS=${POLL_SECONDS:-60} # between two looks at the cloud
TRIES=30                         # of a command that the cloud does not answer

DRY_RUN=false
SETTINGS=launch/settings.env
WORKDIR=""
ARGUMENTS=()
ERROR="" # what the last failed command said

begin() {
    while (($#)); do
        case $1 in
            --dry_run)
                DRY_RUN=true
                # shellcheck disable=SC2329 # what is said of a dry run has not happened
                say() { :; }
                ;;
            --settings=*) SETTINGS=${1#*=} ;;
            --workdir=*) WORKDIR=${1#*=} ;;
            --settings | --workdir)
                (($# > 1)) || die "$1 needs a value"
                if [[ $1 == --settings ]]; then SETTINGS=$2; else WORKDIR=$2; fi
                shift
                ;;
            -h | --help)
                usage
                exit 0
                ;;
            --) ;;
            *) ARGUMENTS+=("$1") ;;
        esac
        shift
    done
    read_settings
}

# The comment at the top of the script that was called.
usage() {
    awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
}

no_more_arguments() {
    ((${#ARGUMENTS[@]} == 0)) || die "unexpected ${ARGUMENTS[*]}; $(basename "$0") --help tells what it takes"
}

# The file alone counts: an exported ZONE of another project must not decide what is deleted. The price may come from
# the environment.
read_settings() {
    local line name value number=0 price=${PRICE_PER_CHIP_HOUR:-}
    [[ -f $SETTINGS ]] || die "there is no $SETTINGS; copy launch/settings.env.example to it and fill it in"
    for name in $SETTING_NAMES; do printf -v "$name" '%s' ""; done
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        line=${line%$'\r'}
        [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
        # Nothing of the line is shown: it may be a secret in the wrong file.
        [[ $line =~ ^([A-Za-z_][A-Za-z_0-9]*)=([^[:space:]]*)[[:space:]]*(#.*)?$ ]] ||
            die "$SETTINGS, line $number is not NAME=value; write one setting per line, without spaces or quotes"
        name=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
        [[ " ${SETTING_NAMES//$'\n'/ } " == *" $name "* ]] ||
            die "$SETTINGS, line $number: $name is no setting (see launch/settings.env.example); secrets belong in $SECRETS"
        printf -v "$name" '%s' "$value"
    done <"$SETTINGS"
    PRICE_PER_CHIP_HOUR=${price:-$PRICE_PER_CHIP_HOUR}
    PROVISIONING=${PROVISIONING:-on-demand}
    NUM_SLICES=${NUM_SLICES:-1}
    INTERNAL_IPS=${INTERNAL_IPS:-false}
    KUBERNETES_ACCOUNT=${KUBERNETES_ACCOUNT:-default}
    BUCKET=${BUCKET#gs://}
    BUCKET=${BUCKET%/}
    DATA_DIR=${DATA_DIR:-gs://$BUCKET/data}
    DATA_DIR=${DATA_DIR%/}
    REGION=${ZONE%-*}
    CLUSTER_LOCATION=${CLUSTER_LOCATION:-$REGION}
    WHERE=("--zone=$ZONE" "--project=$PROJECT_ID")
    if [[ -n $WORKDIR && $WORKDIR != gs://?* ]]; then
        die "--workdir is '$WORKDIR'; a machine in the cloud may vanish, so it must be gs://..."
    fi
    WORKDIR=${WORKDIR:-gs://$BUCKET/$QUEUED_RESOURCE_ID}
    WORKDIR=${WORKDIR%/}
}

remedy_of() {
    case $1 in
        PROJECT_ID) printf 'the id of your Google Cloud project (gcloud projects list)' ;;
        ZONE) printf 'a zone that has the accelerator, such as us-central1-a (gcloud compute tpus locations list)' ;;
        TPU_NAME) printf 'a name for the TPU machine, such as entropy-rl' ;;
        QUEUED_RESOURCE_ID) printf 'a name for the request, such as entropy-rl' ;;
        ACCELERATOR_TYPE) printf 'what to ask for, such as v5litepod-16 (gcloud compute tpus tpu-vm accelerator-types list)' ;;
        RUNTIME_VERSION) printf 'the software of the machine, such as v2-alpha-tpuv5-lite (gcloud compute tpus tpu-vm versions list)' ;;
        BUCKET) printf "a bucket in the zone's region (gcloud storage buckets list)" ;;
        CLUSTER) printf 'the GKE cluster (gcloud container clusters list)' ;;
        NODE_POOL) printf 'a node pool with TPUs (gcloud container node-pools list)' ;;
        IMAGE) printf 'the name under which you push the image of the Dockerfile' ;;
    esac
}

require() {
    local name
    for name in "$@"; do
        [[ -n ${!name} ]] || die "$name is missing in $SETTINGS; set it to $(remedy_of "$name")"
    done
    check ZONE '[a-z]+-[a-z]+[0-9]+-[a-z]' "a zone, such as us-central1-a"
    check TPU_NAME '[a-z]([-a-z0-9]{0,61}[a-z0-9])?' "lower-case letters, digits and dashes"
    check QUEUED_RESOURCE_ID '[a-z]([-a-z0-9]{0,61}[a-z0-9])?' "lower-case letters, digits and dashes"
    check ACCELERATOR_TYPE '[a-z0-9]+-[0-9]+' "a type and a size, such as v5litepod-16 or v6e-8"
    check BUCKET '[a-z0-9][-_.a-z0-9]+' "the name of a bucket, without a folder"
    check DATA_DIR 'gs://[a-z0-9][-_.a-z0-9]+(/[-_.A-Za-z0-9]+)*' "a folder in a bucket, such as gs://$BUCKET/data"
    check PROVISIONING 'on-demand|spot|reserved' "on-demand, spot or reserved"
    check VALID_UNTIL_DURATION '([0-9]+[smhd])+' "a duration, such as 6h"
    check NUM_SLICES '[1-9][0-9]*' "a number of slices, from 1"
    check INTERNAL_IPS 'true|false' "true or false"
    check PRICE_PER_CHIP_HOUR '[0-9]+([.][0-9]+)?' "a number of dollars, such as 1.2"
}

check() {
    [[ -z ${!1} || ${!1} =~ ^($2)$ ]] || die "$1 is '${!1}' in $SETTINGS; it must be $3"
}

# The chips of one slice, by its name.
chips_named() {
    local size=${ACCELERATOR_TYPE##*-}
    case $ACCELERATOR_TYPE in
        v2-* | v3-* | v4-* | v5p-*) printf '%s' $((size / 2)) ;; # these are sized in cores, two a chip
        *) printf '%s' "$size" ;;
    esac
}

# Its arguments as a shell would take them back.
quoted() {
    local word text="" quote="'\\''"
    for word in "$@"; do
        if [[ ! $word =~ ^[A-Za-z0-9_./:=@,%+-]+$ ]]; then word="'${word//\'/$quote}'"; fi
        text+=" $word"
    done
    printf '%s' "${text# }"
}

run() {
    if $DRY_RUN; then printf '+ %s\n' "$(quoted "$@")"; else "$@"; fi
}

# ask VARIABLE SUPPOSED COMMAND...: VARIABLE becomes what the command printed; under --dry_run, what is supposed.
# A failing command leaves its words in ERROR. While the cloud does not answer at all, it is asked again, for the loop of
# up.sh must outlive a laptop's network; every command here may be given twice.
ask() {
    local _variable=$1 _supposed=$2 _output _errors _status _try
    shift 2
    if $DRY_RUN; then
        printf '+ %s\n' "$(quoted "$@")"
        printf -v "$_variable" '%s' "$_supposed"
        return
    fi
    _errors=$(mktemp)
    for ((_try = 1; ; _try++)); do
        _status=0
        _output=$("$@" </dev/null 2>"$_errors") || _status=$?
        ERROR=$(<"$_errors")
        if ((_status == 0 || _try == TRIES)) || [[ $(kind_of_error) != unavailable ]]; then break; fi
        say "the cloud does not answer; asking again ($_try)"
        sleep "$POLL_SECONDS"
    done
    rm -f "$_errors"
    printf -v "$_variable" '%s' "$_output"
    return "$_status"
}

# What kind of failure ERROR tells of.
kind_of_error() {
    local text
    text=$(tr '[:upper:]\n' '[:lower:] ' <<<"$ERROR")
    case $text in
        *"gcloud auth login"* | *"gcloud auth application"* | *invalid_grant* | *reauthentication* | *"active account"*) printf login ;;
        *"not in the ssh agent"* | *"not present in the ssh agent"*) printf agent ;;
        *"has not been used in project"* | *service_disabled*) printf disabled ;;
        *"no more capacity"* | *resource_pool_exhausted* | *"insufficient"*"capacity"* | *stockout*) printf capacity ;;
        *quota*) printf quota ;;
        *already_exists* | *"already exists"*) printf exists ;;
        *not_found* | *"not found"* | *"404"*) printf absent ;;
        *permission_denied* | *"does not have permission"* | *"does not have"*"access"*) printf forbidden ;;
        *terminal\ state* | *"cannot be currently connected"*) printf gone ;;
        *"code [255]"* | *"timed out"* | *"connection refused"* | *"connection reset"* | *"closed by remote host"*) printf unreachable ;;
        *unavailable* | *"internal error"* | *"deadline exceeded"* | *"unable to find the server"* | *"network is unreachable"* | \
            *"name resolution"* | *"connection aborted"* | *"max retries exceeded"*) printf unavailable ;;
        *) printf other ;;
    esac
}

# Whether ERROR tells of an object that is not there.
nothing_there() {
    [[ $ERROR == *"matched no objects"* || $ERROR == *"does not exist"* || $(kind_of_error) == absent ]]
}

# Ends the script with what was attempted, what gcloud said last, and what to do about it.
fail() {
    local remedy="" kind
    kind=$(kind_of_error)
    case $kind in
        login) remedy="log in with: gcloud auth login" ;;
        agent) remedy="the first connection to several machines needs: ssh-add ~/.ssh/google_compute_engine" ;;
        disabled) remedy="enable it with: gcloud services enable tpu.googleapis.com --project=$PROJECT_ID" ;;
        capacity) remedy="the zone is full; wait, or take another ZONE, ACCELERATOR_TYPE or PROVISIONING" ;;
        quota) remedy="ask for more quota of $ACCELERATOR_TYPE ($PROVISIONING) in $ZONE, free what you hold, or take a smaller ACCELERATOR_TYPE" ;;
        forbidden) remedy="your account lacks a role in $PROJECT_ID, such as roles/tpu.admin or roles/storage.objectAdmin" ;;
        gone) remedy="the machine was preempted or stopped; launch/tpu_vm/up.sh makes a new one and resumes" ;;
        unreachable) remedy="check the network and the firewall's ssh rule, then run this again" ;;
    esac
    [[ -n $ERROR ]] && printf '%s\n' "$ERROR" >&2
    die "$1 failed${remedy:+; $remedy}"
}

# Refuses secrets where they could be read: in a file open to others, in git, or among the arguments.
check_secrets() {
    local line number=0 argument mode
    [[ -f $SECRETS ]] || return 0
    mode=$(stat -c %a "$SECRETS" 2>/dev/null || stat -f %Lp "$SECRETS")
    [[ $mode == 600 || $mode == 400 ]] || die "$SECRETS has mode $mode and others may read it; run: chmod 600 $SECRETS"
    if git ls-files --error-unmatch "$SECRETS" >/dev/null 2>&1; then
        die "$SECRETS is tracked by git; run: git rm --cached $SECRETS, and renew what it holds"
    fi
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
        [[ $line =~ ^[A-Za-z_][A-Za-z_0-9]*=. ]] || die "$SECRETS, line $number is not NAME=value"
        for argument in ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}; do
            [[ ${#line} -lt 12 || $argument != *"${line#*=}"* ]] || die "an argument holds the secret ${line%%=*}; a command line can be read by others, so leave it to $SECRETS"
        done
    done <"$SECRETS"
}
