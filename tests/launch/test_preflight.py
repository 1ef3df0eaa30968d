"""preflight.sh and create.sh: what would fail is found before anything is asked for, and what fails says what to do."""

from __future__ import annotations

import pytest

from tests.launch.cloud import LOGIN

QUOTA = (
    "ERROR: (gcloud.compute.tpus.queued-resources.create) RESOURCE_EXHAUSTED: Quota limit "
    "'TPUV5sPreemptibleLitepodPerProjectPerZoneForTPUAPI' has been exceeded. Limit: 0 in zone us-central1-a."
)
CAPACITY = 'ERROR: (gcloud) There is no more capacity in the zone "us-central1-a"; you can try in another zone'


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"account": ""}, "nobody is logged in; run: gcloud auth login"),
        ({"types": ["v4-8", "v4-16"]}, "ACCELERATOR_TYPE is v5litepod-8, but us-central1-a has v4-8 v4-16"),
        ({"types": []}, "us-central1-a has no TPUs; take another ZONE"),
        (
            {"versions": ["tpu-ubuntu2204-base"]},
            "us-central1-a does not have; for v5litepod-8 it is v2-alpha-tpuv5-lite",
        ),
        (
            {"location": "EUROPE-WEST4|region"},
            "gs://bucket lies in EUROPE-WEST4 and the machine would be in US-CENTRAL1",
        ),
        (
            {"quotas": ["TPUV5sPreemptibleLitepodPerProjectPerZoneForTPUAPI 4 us-central1-a,us-west4-a"]},
            "the quota for v5litepod-8 (spot) in us-central1-a is 4 and 1 slice(s) need 8 chips",
        ),
    ],
)
def test_preflight_finds_what_would_fail_later(cloud, change, sentence):
    cloud.state |= change
    result = cloud.script("tpu_vm/create.sh")
    assert result.returncode == 1
    assert sentence in result.stderr
    assert not cloud.said("queued-resources create")


@pytest.mark.parametrize(
    "quotas",
    [
        ["TPUV5sPreemptibleLitepodPerProjectPerZoneForTPUAPI 8 us-central1-a"],
        ["TPUV5sLitepodPerProjectPerZoneForTPUAPI 0 us-central1-a"],
        ["TPUV5sPreemptibleLitepodPerProjectPerZoneForTPUAPI 0 europe-west4-b"],
    ],
)
def test_preflight_passes_quota_that_is_enough_or_not_meant(cloud, quotas):
    cloud.state["quotas"] = quotas
    assert cloud.script("tpu_vm/preflight.sh").returncode == 0


@pytest.mark.parametrize(
    ("accelerator", "runtime", "right"),
    [
        ("v5litepod-8", "v2-alpha-tpuv5", "v2-alpha-tpuv5-lite"),
        ("v5p-8", "v2-alpha-tpuv5-lite", "v2-alpha-tpuv5"),
        ("v5p-8", "v2-alpha-tpuv6e", "v2-alpha-tpuv5"),
    ],
)
def test_a_runtime_of_another_accelerator_is_refused_with_the_right_one(cloud, accelerator, runtime, right):
    cloud.settings |= {"ACCELERATOR_TYPE": accelerator, "RUNTIME_VERSION": runtime}
    result = cloud.script("tpu_vm/preflight.sh")
    assert result.returncode == 1
    assert result.stderr.endswith(f"set it to {right}\n")


def test_a_missing_bucket_comes_with_the_command_that_makes_it(cloud):
    cloud.settings["BUCKET"] = "other"
    result = cloud.script("tpu_vm/preflight.sh")
    assert (
        "make it with: gcloud storage buckets create gs://other --location=us-central1 --project=project"
        in result.stderr
    )


def test_a_bucket_that_lies_in_several_places_is_only_remarked_on(cloud):
    cloud.state["location"] = "US|multi-region"
    result = cloud.script("tpu_vm/preflight.sh")
    assert result.returncode == 0
    assert "gs://bucket lies in several places (US); one in us-central1 alone is cheaper and faster" in result.stderr


def test_quota_that_cannot_be_read_is_left_to_the_request(cloud):
    cloud.fails("quotas info list", "ERROR: (gcloud.beta.quotas.info.list) PERMISSION_DENIED")
    result = cloud.script("tpu_vm/preflight.sh")
    assert result.returncode == 0
    assert "the quota could not be read; creating the machine will tell" in result.stderr


def test_create_waits_through_the_queue_and_a_second_one_asks_for_nothing(cloud):
    cloud.state["queue"] = [["CREATING", "ACCEPTED", "WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE"]]
    result = cloud.script("tpu_vm/create.sh")
    assert result.returncode == 0, result.stderr
    assert "request is ACTIVE: 2 workers, 8 chips" in result.stderr
    assert cloud.script("tpu_vm/create.sh").returncode == 0
    assert len(cloud.said("queued-resources create")) == 1


@pytest.mark.parametrize(
    ("says", "status", "sentence"),
    [
        (QUOTA, 1, "ask for more quota of v5litepod-8 (spot) in us-central1-a"),
        (CAPACITY, 75, "us-central1-a has no v5litepod-8 left"),
        (LOGIN, 1, "log in with: gcloud auth login"),
        (
            "ERROR: SERVICE_DISABLED: Cloud TPU API has not been used in project 1 before",
            1,
            "gcloud services enable tpu",
        ),
        ("ERROR: PERMISSION_DENIED: The caller does not have permission", 1, "your account lacks a role in project"),
        ("ERROR: ALREADY_EXISTS: Resource already exists", 0, ""),
    ],
)
def test_a_request_that_fails_says_what_to_do(cloud, says, status, sentence):
    cloud.fails("queued-resources create", says)
    result = cloud.script("tpu_vm/create.sh --no_wait")
    assert result.returncode == status
    assert sentence in result.stderr


@pytest.mark.parametrize("state", ["FAILED", "SUSPENDED"])
def test_create_does_not_wait_for_a_request_that_never_comes_back(cloud, state):
    cloud.state |= {"request": [state], "reason": "the valid-until time has passed"}
    result = cloud.script("tpu_vm/create.sh")
    assert result.returncode == 1
    assert f"request is {state} and stays so" in result.stderr
    assert ("the valid-until time has passed" in result.stderr) == (state == "FAILED")
