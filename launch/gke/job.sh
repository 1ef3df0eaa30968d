#!/usr/bin/env bash
# Trains on TPU slices of a GKE cluster. The cluster, with JobSet installed, and its node pool of TPUs must be there;
# how many hosts a slice has is read from the node pool.
#
#     bash launch/gke/job.sh image                                  builds and pushes the image of the Dockerfile
#     bash launch/gke/job.sh render --config=countdown_grpo ...     prints the manifest
#     bash launch/gke/job.sh apply --config=countdown_grpo ...      starts it; unchanged, it is left alone
#     bash launch/gke/job.sh status | logs | stop | delete
#
# [--dry_run] [--settings=FILE] [--workdir=gs://...] as for launch/tpu_vm; everything else goes to entropy_rl.train.
# A preempted or failed slice is started again by JobSet and resumes from its last checkpoint.

# shellcheck source=launch/cloud.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cloud.sh"
# shellcheck source=launch/needs.sh
source launch/needs.sh

verb=${1:-}
(($#)) && shift
begin "$@"
SHARED=(PROJECT_ID ZONE TPU_NAME QUEUED_RESOURCE_ID ACCELERATOR_TYPE BUCKET CLUSTER NODE_POOL)
NAME=$TPU_NAME

connect() {
    ask OUTPUT "" gcloud container clusters get-credentials "$CLUSTER" "--location=$CLUSTER_LOCATION" "--project=$PROJECT_ID" ||
        fail "connecting to the cluster $CLUSTER"
}

product() {
    printf '%s' $((${1//x/*}))
}

# What a dry run supposes of the pool: the slice that ACCELERATOR_TYPE names, on hosts of four chips.
supposed_pool() {
    local chips machine shapes="1x1 2x2 2x4 4x4 4x8 8x8 8x16 16x16" shape spot=False
    chips=$(chips_named)
    case $ACCELERATOR_TYPE in
        v5litepod-*) machine=ct5lp-hightpu ;;
        v6e-*) machine=ct6e-standard ;;
        v5p-*) machine=ct5p-hightpu ;;
        *) machine=ct4p-hightpu ;;
    esac
    case $ACCELERATOR_TYPE in
        v4-* | v5p-*) shapes="2x2x1 2x2x2 2x2x4 2x4x4 4x4x4 4x4x8 4x8x8 8x8x8 8x8x16 8x16x16" ;;
    esac
    for shape in $shapes; do (($(product "$shape") < chips)) || break; done
    if [[ $PROVISIONING == spot ]]; then spot=True; fi
    printf '%s-%st|%s|%s' "$machine" $((chips < 4 ? chips : 4)) "$shape" "$spot"
}

# A machine type such as ct5lp-hightpu-4t has four chips. A pool of single hosts has no topology of its own.
read_pool() {
    local answer machine spot
    ask answer "$(supposed_pool)" gcloud container node-pools describe "$NODE_POOL" "--cluster=$CLUSTER" \
        "--location=$CLUSTER_LOCATION" "--project=$PROJECT_ID" \
        "--format=value[separator='|'](config.machineType,placementPolicy.tpuTopology,config.spot)" ||
        fail "asking for the node pool $NODE_POOL"
    IFS='|' read -r machine TOPOLOGY spot <<<"$answer"
    [[ $machine =~ -([0-9]+)t$ ]] || die "the machines of NODE_POOL $NODE_POOL are $machine, which have no TPUs; take another pool"
    CHIPS_PER_HOST=${BASH_REMATCH[1]}
    # shellcheck disable=SC2034 # read by its name
    case $machine in
        ct5lp-*) GKE_ACCELERATOR=tpu-v5-lite-podslice FAMILY=v5litepod ;;
        ct5p-*) GKE_ACCELERATOR=tpu-v5p-slice FAMILY=v5p ;;
        ct6e-*) GKE_ACCELERATOR=tpu-v6e-slice FAMILY=v6e ;;
        ct4p-*) GKE_ACCELERATOR=tpu-v4-podslice FAMILY=v4 ;;
        *) die "NODE_POOL $NODE_POOL has machines $machine, which these scripts do not know" ;;
    esac
    [[ $ACCELERATOR_TYPE == "$FAMILY"-* ]] || die "ACCELERATOR_TYPE is $ACCELERATOR_TYPE, but NODE_POOL $NODE_POOL has TPU $FAMILY"
    if [[ -z $TOPOLOGY ]]; then
        case $FAMILY-$CHIPS_PER_HOST in
            v5p-4 | v4-4) TOPOLOGY=2x2x1 ;;
            *-1) TOPOLOGY=1x1 ;;
            *-4) TOPOLOGY=2x2 ;;
            *) TOPOLOGY=2x4 ;;
        esac
    fi
    CHIPS=$(product "$TOPOLOGY")
    HOSTS=$((CHIPS / CHIPS_PER_HOST))
    SPOT_SELECTOR=""
    if [[ $spot == True ]]; then SPOT_SELECTOR='cloud.google.com/gke-spot: "true"'; fi
    if [[ $PROVISIONING == spot && -z $SPOT_SELECTOR ]]; then
        die "PROVISIONING is spot, but NODE_POOL $NODE_POOL is not of spot machines; take another pool or set PROVISIONING=on-demand"
    fi
}

# The arguments as a list of YAML, which JSON strings are.
training() {
    local word text=""
    for word in "${ARGUMENTS[@]}" "--workdir=$WORKDIR" "--processes=$((HOSTS * NUM_SLICES))"; do
        word=${word//\\/\\\\}
        text+=", \"${word//\"/\\\"}\""
    done
    printf '[%s]' "${text#, }"
}

render() {
    local text name token
    text=$(cat launch/gke/jobset.yaml)
    # shellcheck disable=SC2034 # read by its name
    TRAINING=$(training)
    for name in NAME DATA_DIR NUM_SLICES HOSTS KUBERNETES_ACCOUNT GKE_ACCELERATOR TOPOLOGY SPOT_SELECTOR IMAGE TRAINING CHIPS_PER_HOST; do
        token="\${$name}"
        text=${text//"$token"/"${!name}"}
    done
    # Without comments, nor the line of a selector that is not asked for.
    grep -Ev '^ *(#|$)' <<<"$text"
}

prepare() {
    require "${SHARED[@]}" IMAGE
    find_config
    check_secrets
    read_pool
    require_slice "$(accelerator_type "$FAMILY" "$CHIPS")"
    require_fit $((CHIPS * NUM_SLICES))
}

# kubectl reads the values from the file; none is on a command line.
apply_secrets() {
    [[ -f $SECRETS ]] || return 0
    if $DRY_RUN; then
        run kubectl create secret generic "$NAME-secrets" "--from-env-file=$SECRETS" --dry-run=client -o yaml
        run kubectl apply -f -
    else
        kubectl create secret generic "$NAME-secrets" "--from-env-file=$SECRETS" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
    fi
}

present() {
    ask OUTPUT "$NAME" kubectl get jobset "$NAME" --ignore-not-found -o name || fail "asking for the JobSet $NAME"
    [[ -n $OUTPUT ]]
}

# A JobSet cannot be changed, so another training under the same name must be deleted first.
apply() {
    local manifest
    manifest=$(render)
    apply_secrets
    if $DRY_RUN; then
        run kubectl apply -f -
        printf '%s\n' "$manifest"
        return
    fi
    kubectl apply -f - <<<"$manifest" ||
        die "the cluster refused the JobSet; if another training has this name, end it with: launch/gke/job.sh delete"
    say "asked for $NUM_SLICES slice(s) of $TOPOLOGY on $HOSTS host(s) each, writing to $WORKDIR"
}

case $verb in
    image)
        require "${SHARED[@]}" IMAGE
        run docker build --tag "$IMAGE" .
        run docker push "$IMAGE"
        ;;
    render)
        prepare
        render
        ;;
    apply)
        prepare
        require_data
        connect
        apply
        ;;
    status)
        no_more_arguments
        require "${SHARED[@]}"
        connect
        run kubectl get jobset "$NAME" --ignore-not-found
        run kubectl get pods "--selector=jobset.sigs.k8s.io/jobset-name=$NAME" -o wide
        ;;
    logs)
        no_more_arguments
        require "${SHARED[@]}"
        connect
        run kubectl logs --follow "job/$NAME-slice-0" --tail=100
        ;;
    stop)
        no_more_arguments
        require "${SHARED[@]}"
        connect
        if present; then run kubectl patch jobset "$NAME" --type=merge "--patch={\"spec\": {\"suspend\": true}}"; fi
        ;;
    delete)
        no_more_arguments
        require "${SHARED[@]}"
        connect
        run kubectl delete jobset "$NAME" --ignore-not-found
        run kubectl delete secret "$NAME-secrets" --ignore-not-found
        ;;
    *) die "'$verb' is nothing job.sh does; it takes image, render, apply, status, logs, stop or delete" ;;
esac
