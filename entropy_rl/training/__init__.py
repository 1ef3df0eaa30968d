"""From a config to a trained policy: `run = training.run(config, workdir)`, then `run.metrics` and `run.summary`."""

from entropy_rl.training.loop import run as run
from entropy_rl.training.workdirs import Run as Run
