"""Under a reward that teaches nothing, the clip alone moves entropy.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_clip_bias.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import difference, ratio
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study
from entropy_rl.tabular.rewards import Coin

ENTROPY = verdicts.last(_tabular.ENTROPY)
CLIPS = {"low .2, high .2": _tabular.clipped(), "no clip": _tabular.unclipped(), "low .1": _tabular.clipped(0.2, 0.1)}
LEFT = verdicts.over(ENTROPY, verdicts.first(_tabular.ENTROPY))


def get_study() -> Study:
    symmetric, none, tighter = CLIPS
    return _tabular.study(
        "clip_bias",
        claim="A symmetric clip lowers entropy even with a random reward; a tighter lower bound raises it",
        source="https://arxiv.org/abs/2509.26114",
        rows=(22,),
        note="The reward is a fair coin. A probe in another table ended at .645 with the clip and .960 without.",
        bars=(
            Bar("entropy after 200 steps, no clip / symmetric", ratio(none, symmetric, ENTROPY), low=1.0, whole=True),
            Bar("entropy, low .1 - low .2", difference(tighter, symmetric, ENTROPY), low=0.0, whole=True),
        ),
        arms=tuple(
            _tabular.arm(name, f"coin_{place}", 200, loss=loss, reward=Coin())
            for place, (name, loss) in enumerate(CLIPS.items())
        ),
        figures=(*_tabular.FIGURES, ("entropy left", LEFT)),
    )
