"""Half-configured calls are refused with a sentence that names the variable and the remedy; secrets stay secret."""

from __future__ import annotations

import pytest

from tests.launch.cloud import SETTINGS

REQUIRED = [name for name in SETTINGS if name != "PROVISIONING"]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named_with_what_to_set_it_to(cloud, name):
    cloud.settings[name] = ""
    result = cloud.script("tpu_vm/create.sh")
    assert result.returncode == 1
    assert f"{name} is missing in launch/settings.env; set it to " in result.stderr
    assert cloud.commands == []


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "ZONE",
            "us-central1",
            "ZONE is 'us-central1' in launch/settings.env; it must be a zone, such as us-central1-a",
        ),
        ("TPU_NAME", "My_TPU", "TPU_NAME is 'My_TPU'"),
        ("ACCELERATOR_TYPE", "v5litepod", "it must be a type and a size"),
        ("BUCKET", "bucket/folder", "the name of a bucket, without a folder"),
        ("PROVISIONING", "cheap", "it must be on-demand, spot or reserved"),
        ("VALID_UNTIL_DURATION", "soon", "it must be a duration, such as 6h"),
        ("NUM_SLICES", "0", "it must be a number of slices, from 1"),
        ("PRICE_PER_CHIP_HOUR", "cheap", "it must be a number of dollars"),
        ("ACELERATOR_TYPE", "v6e-8", "ACELERATOR_TYPE is no setting (see launch/settings.env.example)"),
    ],
)
def test_an_impossible_setting_is_named_with_the_rule(cloud, name, value, sentence):
    cloud.settings[name] = value
    result = cloud.script("tpu_vm/status.sh")
    assert result.returncode == 1
    assert sentence in result.stderr
    assert cloud.commands == []


def test_without_a_settings_file_the_example_is_pointed_to(cloud):
    result = cloud.script("tpu_vm/status.sh --settings=launch/other.env")
    assert result.returncode == 1
    assert "there is no launch/other.env; copy launch/settings.env.example" in result.stderr


def test_the_example_lacks_only_the_project_and_the_bucket(cloud):
    text = (cloud.repository / "launch" / "settings.env.example").read_text()
    filled = text.replace("PROJECT_ID=", "PROJECT_ID=project").replace("BUCKET=", "BUCKET=bucket")
    (cloud.repository / "mine.env").write_text(filled)
    assert cloud.script("tpu_vm/status.sh --settings mine.env --dry_run").returncode == 0
    result = cloud.script("tpu_vm/status.sh --settings=launch/settings.env.example")
    assert "PROJECT_ID is missing" in result.stderr


def test_a_secret_in_the_settings_is_refused_and_not_shown(cloud):
    cloud.settings["HF_TOKEN"] = "hf_0123456789"
    result = cloud.script("tpu_vm/status.sh")
    assert (
        "HF_TOKEN is no setting (see launch/settings.env.example); secrets belong in launch/secrets.env"
        in result.stderr
    )
    (cloud.repository / "broken.env").write_text("hf_0123456789 = x\n")
    result = cloud.script("tpu_vm/status.sh --settings=broken.env")
    assert "broken.env, line 1 is not NAME=value" in result.stderr
    assert "hf_0123456789" not in result.stderr


def test_an_exported_zone_of_another_project_decides_nothing(cloud):
    cloud.active()
    cloud.script("tpu_vm/delete.sh --now", ZONE="europe-west4-a", QUEUED_RESOURCE_ID="somebody-elses")
    assert cloud.said("queued-resources delete request --zone=us-central1-a")
    assert not cloud.said("somebody-elses") and not cloud.said("europe-west4-a")


def test_a_workdir_on_the_machine_itself_is_refused(cloud):
    result = cloud.script("tpu_vm/run.sh --config=c.py --workdir=/tmp/run")
    assert "--workdir is '/tmp/run'; a machine in the cloud may vanish, so it must be gs://..." in result.stderr


@pytest.mark.parametrize("script", ["run", "up"])
def test_a_training_without_config_is_refused(cloud, script):
    result = cloud.script(f"tpu_vm/{script}.sh --set steps=3")
    assert result.returncode == 1
    assert "--config is missing" in result.stderr
    assert cloud.commands == []


def secrets(cloud, mode: int = 0o600) -> None:
    path = cloud.repository / "launch" / "secrets.env"
    path.write_text("# mine\nHF_TOKEN=hf_0123456789\nWANDB_API_KEY=wandb 'key' $HOME\n")
    path.chmod(mode)


def test_secrets_reach_the_training_and_no_command_line_or_log(cloud):
    secrets(cloud)
    cloud.active()
    (cloud.home(0) / ".entropy_rl_secrets").touch(0o644)  # whoever left it there
    results = [
        cloud.script(line)
        for line in (
            "tpu_vm/setup.sh",
            "tpu_vm/run.sh --config=c.py --set steps=9",
            "tpu_vm/logs.sh --no_follow",
            "tpu_vm/stop.sh",
        )
    ]
    assert [result.returncode for result in results] == [0, 0, 0, 0]
    assert "token of 13 letters" in results[2].stdout
    for number in range(2):
        assert (cloud.home(number) / ".entropy_rl_secrets").stat().st_mode & 0o777 == 0o600
    shown = "".join(result.stdout + result.stderr for result in results) + str(cloud.commands)
    logs = (cloud.home(0) / "entropy_rl_run" / "log").read_text()
    tree = cloud.home(0) / "entropy_rl" / "launch"
    assert "hf_0123456789" not in shown + logs
    assert not (tree / "secrets.env").exists() and not (tree / "settings.env").exists()


def test_secrets_that_others_may_read_are_refused(cloud):
    secrets(cloud, 0o644)
    result = cloud.script("tpu_vm/up.sh --config=c.py")
    assert "launch/secrets.env has mode 644 and others may read it; run: chmod 600 launch/secrets.env" in result.stderr
    assert cloud.commands == []


def test_a_secret_among_the_arguments_is_refused_and_not_shown(cloud):
    secrets(cloud)
    result = cloud.script("tpu_vm/run.sh --config=c.py --set token=hf_0123456789")
    assert "an argument holds the secret HF_TOKEN" in result.stderr
    assert "hf_0123456789" not in result.stderr
    assert cloud.commands == []
