"""The commands of gcloud that the launch scripts may use, and their flags, as gcloud 528 knows them."""

TPU = "compute tpus"
FLAGS = {
    "auth list": "--filter",
    f"{TPU} tpu-vm accelerator-types list": "--zone",
    f"{TPU} tpu-vm versions list": "--zone",
    f"{TPU} tpu-vm describe": "--zone",
    f"{TPU} tpu-vm ssh": "--zone --worker --command --internal-ip",
    f"{TPU} tpu-vm scp": "--zone --worker --internal-ip",
    f"{TPU} queued-resources describe": "--zone",
    f"{TPU} queued-resources delete": "--zone --force",
    f"{TPU} queued-resources create": "--zone --node-id --node-count --node-prefix --accelerator-type --runtime-version"
    " --spot --reserved --valid-until-duration --network --subnetwork --service-account --internal-ips",
    "storage buckets describe": "",
    "storage cat": "",
    "storage cp": "",
    "storage ls": "",
    "storage rsync": "--recursive --exclude",
    "beta quotas info list": "--service",
    "container node-pools describe": "--cluster --location",
    "container clusters get-credentials": "--location",
}
