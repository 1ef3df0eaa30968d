"""A config's slice and data are looked for before anything is asked for, by what its docstring says of them."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from entropy_rl.parallel import topologies
from entropy_rl.presets import load_config, preset_names
from entropy_rl.tasks.datasets import Published
from tests.launch.machine import REPOSITORY

ON_SLICE = "Run: python -m entropy_rl.compile_check --config=big --topology=v6e:4x4\nMade for 16 devices."
ON_DATA = "Run: python -m entropy_rl.data prepare dapo_math math500 --data_dir=gs://BUCKET/data"
CLUSTER = {"CLUSTER": "cluster", "NODE_POOL": "pool", "IMAGE": "image"}
PREPARE = "python -m entropy_rl.data prepare dapo_math math500 --data_dir=gs://bucket/data"


@pytest.fixture
def cloud(cloud):
    cloud.state["hosts"] = 1
    cloud.config("configs/big.py", ON_SLICE)
    cloud.config("configs/read.py", ON_DATA)
    cloud.settings |= CLUSTER
    return cloud


@pytest.mark.parametrize("script", ["up.sh", "preflight.sh", "create.sh", "run.sh"])
def test_a_config_for_another_slice_is_refused_with_the_settings_that_it_needs(cloud, script):
    result = cloud.script(f"tpu_vm/{script} --config=configs/big.py")
    assert result.returncode == 1
    assert "configs/big.py is made for one slice v6e:4x4 and would get 1 x v5litepod-8" in result.stderr
    assert "ACCELERATOR_TYPE=v6e-16, RUNTIME_VERSION=v2-alpha-tpuv6e, NUM_SLICES=1 and a ZONE" in result.stderr
    assert not cloud.said("queued-resources create") and not cloud.said("ssh")


def test_several_slices_are_another_machine(cloud):
    cloud.settings |= {"ACCELERATOR_TYPE": "v6e-16", "RUNTIME_VERSION": "v2-alpha-tpuv6e", "NUM_SLICES": "2"}
    cloud.state["types"] = ["v6e-16"]
    assert "would get 2 x v6e-16" in cloud.script("tpu_vm/preflight.sh --config big").stderr
    cloud.settings["NUM_SLICES"] = "1"
    assert cloud.script("tpu_vm/preflight.sh --config big").returncode == 0


@pytest.mark.parametrize("words", ["--set mesh.fsdp=8", "--set=mesh.fsdp=8"])
def test_who_lays_out_the_mesh_takes_what_machine_they_like(cloud, words):
    assert cloud.script(f"tpu_vm/preflight.sh --config=big {words}").returncode == 0
    assert cloud.script(f"tpu_vm/preflight.sh --config=big {words.replace('mesh', 'smesh')}").returncode == 1


# The package as it answers --devices; a real answer is in tests/test_train.py.
PACKAGE = """#!/bin/bash
[[ "$1" != -c && "$*" != *update.mini_batches=1* ]] || exit 0
echo "asked $*" >>"$ASKED"
printf 'Trains a run, or goes on with it.\n\na micro-batch of 16 prompts does not split over %s\n' "${*: -2:1}"
exit 1
"""


@pytest.mark.parametrize("script", ["up.sh", "preflight.sh", "create.sh"])
def test_batches_that_do_not_split_over_the_chips_are_refused(cloud, script):
    cloud.settings |= {"ACCELERATOR_TYPE": "v5litepod-16", "NUM_SLICES": "2"}
    cloud.tool("python3", PACKAGE)
    result = cloud.script(f"tpu_vm/{script} --config=c --set steps=1")
    assert result.returncode == 1
    assert result.stderr.endswith("c on 32 devices: a micro-batch of 16 prompts does not split over --devices=32\n")
    assert "asked -m entropy_rl.train --config=c --set steps=1 --devices=32 --slices=2" in cloud.asked.read_text()
    assert not cloud.said("queued-resources create") and not cloud.said("ssh")


@pytest.mark.parametrize(("accelerator", "devices"), [("v5p-16", 8), ("v3-8", 8), ("v6e-8", 8), ("v4-64", 32)])
def test_devices_are_chips_but_for_the_cores_of_v2_and_v3(cloud, accelerator, devices):
    cloud.settings["ACCELERATOR_TYPE"] = accelerator
    cloud.tool("python3", PACKAGE)
    assert f"c on {devices} devices: " in cloud.script("tpu_vm/preflight.sh --config=c").stderr


def test_batches_that_split_and_a_package_that_is_not_here_let_the_launch_go_on(cloud):
    result = cloud.script("tpu_vm/preflight.sh --config=c")
    assert result.returncode == 0 and "whether c fits 8 devices was not looked at" in result.stderr
    cloud.tool("python3", "#!/bin/bash\necho Traceback >&2; echo ModuleNotFoundError: jax >&2; exit 1\n")
    result = cloud.script("tpu_vm/preflight.sh --config=c")
    assert result.returncode == 0 and "whether c fits 8 devices was not looked at" in result.stderr
    cloud.tool("python3", PACKAGE)
    result = cloud.script("tpu_vm/create.sh --no_wait --config=c --set update.mini_batches=1")
    assert result.returncode == 0 and "not looked at" not in result.stderr
    assert "unexpected --no_waitt" in cloud.script("tpu_vm/create.sh --config=c --no_waitt --set no_wait=1").stderr


def test_a_package_that_fails_is_no_package_that_is_not_here(cloud):
    cloud.tool(
        "python3", "#!/bin/bash\n[[ $1 != -c ]] || exit 0\necho Traceback; echo ZeroDivisionError: modulo; exit 1\n"
    )
    result = cloud.script("tpu_vm/preflight.sh --config=c")
    assert result.returncode == 1 and result.stderr.endswith("c on 8 devices: ZeroDivisionError: modulo\n")


@pytest.mark.parametrize("script", ["up.sh", "preflight.sh", "create.sh", "run.sh"])
def test_data_that_is_not_there_is_named_with_the_command_that_prepares_it(cloud, script):
    cloud.has_data("math500", "dapo_math_old")
    result = cloud.script(f"tpu_vm/{script} --config=read".replace("--config=read", "--config=configs/read.py"))
    assert result.returncode == 1
    assert "configs/read.py needs data that is not in gs://bucket/data: dapo_math; prepare it once" in result.stderr
    assert result.stderr.endswith(f"{PREPARE}\n")
    assert not cloud.said("queued-resources create") and not cloud.said("ssh")


def test_a_bucket_without_any_data_lacks_all(cloud):
    assert "gs://bucket/data: dapo_math math500;" in cloud.script("tpu_vm/preflight.sh --config=read").stderr


def test_data_that_is_there_is_where_the_training_looks_for_it(cloud):
    cloud.settings["DATA_DIR"] = "gs://bucket/elsewhere/"
    cloud.has_data("dapo_math", "math500", folder="bucket/elsewhere")
    result = cloud.script("tpu_vm/up.sh --config=read --set steps=1 --keep")
    assert result.returncode == 0, result.stderr
    assert "data in gs://bucket/elsewhere\n" in (cloud.home(0) / "entropy_rl_run" / "log").read_text()


def test_who_names_a_folder_has_the_data_there(cloud):
    assert cloud.script("tpu_vm/preflight.sh --config=read --set task.train.data_dir=gs://mine/data").returncode == 0


def test_what_a_preset_behind_the_config_says_is_a_hint(cloud):
    cloud.config("mine.py", "Mine.", "from configs import read, big")
    result = cloud.script("tpu_vm/preflight.sh --config=mine.py")
    assert result.returncode == 0
    assert "perhaps: configs/big.py is made for one slice v6e:4x4" in result.stderr
    assert "perhaps: configs/read.py needs data that is not in gs://bucket/data: dapo_math math500" in result.stderr


def test_the_nearest_word_counts(cloud):
    cloud.config("mine.py", ON_SLICE.replace("v6e:4x4", "v5e:2x4"), "from configs import read, big")
    cloud.has_data("dapo_math", "math500")
    result = cloud.script("tpu_vm/preflight.sh --config=mine.py")
    assert result.returncode == 0 and "perhaps" not in result.stderr


@pytest.mark.parametrize("script", ["tpu_vm/up.sh", "tpu_vm/run.sh", "gke/job.sh apply"])
def test_a_config_that_is_not_there_is_refused(cloud, script):
    result = cloud.script(f"{script} --config=countdown_gpro")
    assert result.returncode == 1
    assert "--config=countdown_gpro: there is no configs/countdown_gpro.py here" in result.stderr
    assert not cloud.said("create") and not cloud.said("kubectl")


def test_a_cluster_is_held_to_the_same(cloud):
    result = cloud.script("gke/job.sh apply --config=big")
    assert "configs/big.py is made for one slice v6e:4x4 and would get 1 x v5litepod-8" in result.stderr
    cloud.tool("python3", PACKAGE)
    result = cloud.script("gke/job.sh apply --config=read")
    assert result.returncode == 1
    assert "read on 8 devices: a micro-batch of 16 prompts does not split" in result.stderr
    cloud.tool("python3", "#!/bin/bash\nexit 0\n")
    result = cloud.script("gke/job.sh apply --config=read")
    assert result.returncode == 1 and result.stderr.endswith(f"{PREPARE}\n")
    assert not cloud.said("kubectl")
    cloud.has_data("dapo_math", "math500")
    assert cloud.script("gke/job.sh apply --config=read").returncode == 0
    manifest = cloud.script("gke/job.sh render --config=read").stdout
    assert re.search(r"- name: TFDS_DATA_DIR.*\n +value: gs://bucket/data\n", manifest)


def datasets_of(value: Any) -> Iterator[str]:
    """The published datasets in a task or a mixture of them."""
    if isinstance(value, Published):
        yield value.dataset.name
    elif dataclasses.is_dataclass(value):
        yield from (name for field in dataclasses.fields(value) for name in datasets_of(getattr(value, field.name)))
    elif isinstance(value, list | tuple):
        yield from (name for each in value for name in datasets_of(each))


def declarations() -> dict[str, tuple[str, str, str]]:
    """Of each preset what the launch scripts find in its docstring: datasets, slice, its accelerator type."""
    loop = r"""
        source launch/cloud.sh && source launch/needs.sh && NUM_SLICES=1 SETTINGS=none
        refuse() { TAKEN=${1#*ACCELERATOR_TYPE=}; TAKEN=${TAKEN%%,*}; }
        for CONFIG_FILE in configs/*.py; do
            TAKEN="" ARGUMENTS=("--config=$CONFIG_FILE")
            require_slice none-0
            slice=${FOUND#*=}
            declared 'entropy_rl\.data prepare( [a-z0-9_]+)+'
            printf '%s|%s|%s|%s\n' "$CONFIG_FILE" "${FOUND#*prepare }" "$slice" "$TAKEN"
        done"""
    done = subprocess.run(["bash", "-c", loop], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    rows = [line.split("|") for line in done.stdout.splitlines()]
    return {
        path.removeprefix("configs/").removesuffix(".py"): (data, there, taken) for path, data, there, taken in rows
    }


def test_the_docstrings_of_the_presets_say_what_the_scripts_go_by():
    found = declarations()
    for name in preset_names():
        config, (data, there, taken) = load_config(name), found[name]
        assert set(data.split()) == set(datasets_of(config.task)), name
        assert bool(there) == name.startswith("tpu_"), name
        if there:
            devices = re.search(r"Made for (\d+) devices", (REPOSITORY / "configs" / f"{name}.py").read_text())
            assert devices and topologies.parse(there).chips == int(devices[1]), name
            assert topologies.parse(taken) == topologies.parse(there), name
            config.mesh.resolve(int(devices[1]))
