"""launch/gke: what the manifest says for which node pool, and what is refused."""

from __future__ import annotations

import re

import pytest
import yaml

from entropy_rl.parallel import watchdog
from entropy_rl.training import interrupts
from tests.launch.machine import REPOSITORY

CLUSTER = {"CLUSTER": "cluster", "NODE_POOL": "pool", "IMAGE": "image"}


@pytest.fixture
def cluster(cloud):
    cloud.settings |= CLUSTER
    return cloud


@pytest.mark.parametrize(
    ("accelerator", "pool", "facts"),
    [
        # hosts = chips of the topology / chips of a machine
        ("v5litepod-16", "ct5lp-hightpu-4t|4x4|True", ("tpu-v5-lite-podslice", "4x4", 4, 4)),
        ("v5litepod-8", "ct5lp-hightpu-8t||True", ("tpu-v5-lite-podslice", "2x4", 1, 8)),
        ("v6e-16", "ct6e-standard-4t|4x4|True", ("tpu-v6e-slice", "4x4", 4, 4)),
        ("v5p-128", "ct5p-hightpu-4t|4x4x4|True", ("tpu-v5p-slice", "4x4x4", 16, 4)),
        ("v5p-8", "ct5p-hightpu-4t||True", ("tpu-v5p-slice", "2x2x1", 1, 4)),
    ],
)
def test_hosts_and_topology_are_those_of_the_node_pool(cluster, accelerator, pool, facts):
    cluster.settings["ACCELERATOR_TYPE"] = accelerator
    cluster.state["pool"] = pool
    text = cluster.script("gke/job.sh render --config=c --set 'name=a \"b\"'").stdout
    label, topology, hosts, chips = facts
    assert f"cloud.google.com/gke-tpu-accelerator: {label}\n" in text
    assert f"cloud.google.com/gke-tpu-topology: {topology}\n" in text
    assert f"parallelism: {hosts}\n" in text and f"completions: {hosts}\n" in text
    assert text.count(f"google.com/tpu: {chips}\n") == 2
    assert (
        f'args: ["--config=c", "--set", "name=a \\"b\\"", "--workdir=gs://bucket/request", "--processes={hosts}"]'
        in text
    )
    assert "${" not in text


def test_slices_multiply_the_processes_and_on_demand_pools_have_no_spot_selector(cluster):
    cluster.settings |= {"NUM_SLICES": "3", "PROVISIONING": "on-demand"}
    cluster.state["pool"] = "ct5lp-hightpu-4t|2x4|False"
    text = cluster.script("gke/job.sh render --config=c").stdout
    assert "replicas: 3\n" in text and "--processes=6" in text  # 3 slices of 2 hosts
    assert "gke-spot" not in text


def test_preemption_and_a_saved_stop_do_not_use_up_the_restarts(cluster):
    job_set = yaml.safe_load(cluster.script("gke/job.sh render --config=c").stdout)
    assert (job_set["apiVersion"], job_set["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    (rule,) = job_set["spec"]["failurePolicy"]["rules"]
    assert rule["action"] == "RestartJobSetAndIgnoreMaxRestarts"
    assert rule["onJobFailureReasons"] == ["PodFailurePolicy"]
    assert job_set["spec"]["failurePolicy"]["restartStrategy"] == "BlockingRecreate"
    job = job_set["spec"]["replicatedJobs"][0]["template"]["spec"]
    disrupted, left = job["podFailurePolicy"]["rules"]
    assert disrupted == {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert left["onExitCodes"]["values"] == [watchdog.EXIT_CODE, interrupts.EXIT_CODE]
    pod = job["template"]["spec"]
    assert left["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
    assert pod["restartPolicy"] == "Never" and job["backoffLimit"] == 0


@pytest.mark.parametrize(
    ("settings", "pool", "sentence"),
    [
        ({"CLUSTER": ""}, "", "CLUSTER is missing in launch/settings.env; set it to the GKE cluster"),
        ({"NODE_POOL": ""}, "", "NODE_POOL is missing"),
        ({"IMAGE": ""}, "", "IMAGE is missing"),
        ({}, "n2-standard-8||False", "the machines of NODE_POOL pool are n2-standard-8, which have no TPUs"),
        ({}, "ct6e-standard-4t|4x4|True", "ACCELERATOR_TYPE is v5litepod-8, but NODE_POOL pool has TPU v6e"),
        ({}, "ct5lp-hightpu-8t||False", "PROVISIONING is spot, but NODE_POOL pool is not of spot machines"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_cluster_is_asked(cluster, settings, pool, sentence):
    cluster.settings |= settings
    cluster.state["pool"] = pool
    result = cluster.script("gke/job.sh apply --config=c")
    assert result.returncode == 1
    assert sentence in result.stderr
    assert not cluster.said("kubectl")


def test_applying_twice_changes_nothing_and_another_training_is_refused(cluster):
    for _ in range(2):
        assert cluster.script("gke/job.sh apply --config=c").returncode == 0
    result = cluster.script("gke/job.sh apply --config=d")
    assert result.returncode == 1
    assert "if another training has this name, end it with: launch/gke/job.sh delete" in result.stderr
    for _ in range(2):
        assert cluster.script("gke/job.sh delete").returncode == 0
    assert cluster.script("gke/job.sh apply --config=d").returncode == 0


def test_stop_of_nothing_patches_nothing(cluster):
    assert cluster.script("gke/job.sh stop").returncode == 0
    assert not cluster.said("kubectl patch")
    cluster.script("gke/job.sh apply --config=c")
    assert cluster.script("gke/job.sh stop").returncode == 0
    assert cluster.said('kubectl patch jobset slice --type=merge --patch={"spec": {"suspend": true}}')


def test_secrets_go_to_the_cluster_by_a_file(cluster):
    path = cluster.repository / "launch" / "secrets.env"
    path.write_text("HF_TOKEN=hf_0123456789\n")
    path.chmod(0o600)
    result = cluster.script("gke/job.sh apply --config=c")
    assert result.returncode == 0, result.stderr
    assert cluster.said("kubectl create secret generic slice-secrets --from-env-file=launch/secrets.env")
    assert "hf_0123456789" not in result.stdout + result.stderr + str(cluster.commands)


@pytest.mark.parametrize("verb", ["", "start"])
def test_an_unknown_verb_names_the_known_ones(cluster, verb):
    result = cluster.script(f"gke/job.sh {verb}")
    assert result.returncode == 1
    assert "it takes image, render, apply, status, logs, stop or delete" in result.stderr


def test_the_image_is_of_a_supported_python_and_carries_no_secret():
    text = (REPOSITORY / "Dockerfile").read_text()
    assert re.findall(r"^FROM (.*)$", text, re.MULTILINE) == ["python:3.12-slim"]
    assert "://" not in text
    assert '".[tpu]"' in text
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    taken = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored and not any("launch" in name or "secret" in name for name in taken)
    copied = re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE)
    assert sorted(" ".join(copied).split()) == sorted(taken)  # nothing is asked for that stays outside
