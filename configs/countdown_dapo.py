"""Countdown with three numbers: the recipe of DAPO, higher upper clip and dynamic sampling on raw accuracy.

Groups that are all right or all wrong are replaced by further prompts, at most three times in a step. Its overlong
punishment has no work here: the task ends every answer in time.

Run:     python -m entropy_rl.train --config=countdown_dapo --workdir=runs/countdown_dapo
Result:  test pass@1 .574 ± .032, pass@16 .672 ± .007, entropy .044 ± .009 nats/token; 3.0 rounds of prompts a step
         (3 seeds; commits 2525666 and 6ea9440, other work in progress beside them; AMD EPYC; the runs were not kept)
"""

import dataclasses

from configs import countdown_clip_higher
from entropy_rl.config import Config
from entropy_rl.rollout.filters import DynamicSampling


def get_config() -> Config:
    return dataclasses.replace(
        countdown_clip_higher.get_config(), name="countdown_dapo", sampling=DynamicSampling(rounds=4)
    )
