"""What each script would ask the cloud, as text; REGENERATE_GOLDEN=1 writes the transcripts anew."""

from __future__ import annotations

import os

import pytest

from tests.launch.cloud import FOLDER

UP = "tpu_vm/up.sh --config=configs/countdown_grpo.py --set steps=100 --set 'name=a b'"
SCRIPTS = {
    "preflight": "tpu_vm/preflight.sh",
    "create": "tpu_vm/create.sh",
    "preflight_data": "tpu_vm/preflight.sh --config=configs/read.py",
    "setup": "tpu_vm/setup.sh",
    "run": "tpu_vm/run.sh --config=configs/countdown_grpo.py --set steps=100 --set 'name=a b'",
    "logs": "tpu_vm/logs.sh --worker=0",
    "status": "tpu_vm/status.sh",
    "copy": "tpu_vm/copy.sh --out=there",
    "stop": "tpu_vm/stop.sh",
    "delete": "tpu_vm/delete.sh",
    "up": UP,
    "up_kept": f"{UP} --keep --workdir=gs://bucket/elsewhere",
    "gke_image": "gke/job.sh image",
    "gke_render": "gke/job.sh render --config=countdown_grpo --set 'name=a \"b\"'",
    "gke_apply": "gke/job.sh apply --config=countdown_grpo",
    "gke_data": "gke/job.sh apply --config=read",
    "gke_status": "gke/job.sh status",
    "gke_logs": "gke/job.sh logs",
    "gke_stop": "gke/job.sh stop",
    "gke_delete": "gke/job.sh delete",
}
CLUSTER = {"CLUSTER": "cluster", "NODE_POOL": "pool", "IMAGE": "image"}


def check(transcript: str, name: str) -> None:
    golden = FOLDER / "golden" / f"{name}.txt"
    if os.environ.get("REGENERATE_GOLDEN"):
        golden.write_text(transcript)
    assert transcript == golden.read_text()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_dry_run_prints_every_command_and_runs_none(cloud, name):
    cloud.settings |= CLUSTER
    cloud.config("configs/read.py", "Run: python -m entropy_rl.data prepare gsm8k math500")
    if name.startswith("gke"):
        cloud.settings["ACCELERATOR_TYPE"] = "v5litepod-16"
    (cloud.repository / "launch" / "secrets.env").write_text("HF_TOKEN=hf_0123456789\n")
    (cloud.repository / "launch" / "secrets.env").chmod(0o600)
    result = cloud.script(f"{SCRIPTS[name]} --dry_run 2>&1")
    assert result.returncode == 0
    assert cloud.commands == []
    assert "hf_0123456789" not in result.stdout
    check(result.stdout, name)


@pytest.mark.parametrize(
    ("accelerator", "slices", "hosts", "topology"),
    [
        ("v5litepod-8", 1, 1, "2x4"),  # on a cluster two machines of four chips
        ("v5litepod-16", 1, 4, "4x4"),
        ("v6e-32", 2, 16, "4x8"),
        ("v5p-8", 1, 1, "2x2x1"),
        ("v5p-128", 1, 16, "4x4x4"),
        ("v4-16", 1, 2, "2x2x2"),
        ("v6e-1", 1, 1, "1x1"),
    ],
)
def test_a_dry_run_supposes_the_hosts_of_the_accelerator_type(cloud, accelerator, slices, hosts, topology):
    cloud.settings |= CLUSTER | {"ACCELERATOR_TYPE": accelerator, "NUM_SLICES": str(slices), "PROVISIONING": ""}
    result = cloud.script("tpu_vm/run.sh --config=c --dry_run")
    assert result.stdout.rstrip().endswith(f"--processes={hosts}' --quiet"), result.stderr
    result = cloud.script("gke/job.sh apply --config=c --dry_run")
    on_cluster = 2 if accelerator == "v5litepod-8" else hosts
    assert f'"--processes={on_cluster}"]' in result.stdout, result.stderr
    assert f"gke-tpu-topology: {topology}\n" in result.stdout and "gke-spot" not in result.stdout


def test_a_dry_run_of_several_slices_with_every_option(cloud):
    cloud.settings |= {
        "ACCELERATOR_TYPE": "v6e-16",
        "RUNTIME_VERSION": "v2-alpha-tpuv6e",
        "PROVISIONING": "reserved",
        "VALID_UNTIL_DURATION": "6h",
        "NUM_SLICES": "2",
        "NETWORK": "net",
        "SUBNETWORK": "subnet",
        "SERVICE_ACCOUNT": "runner@project.iam.gserviceaccount.com",
        "INTERNAL_IPS": "true",
        "PRICE_PER_CHIP_HOUR": "1.5",
    }
    result = cloud.script(f"{UP} --dry_run 2>&1")
    assert result.returncode == 0
    check(result.stdout, "up_slices")
