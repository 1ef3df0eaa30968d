"""Learning from wrong answers alone keeps entropy, and pass@k with it.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_signs.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import difference, mean
from entropy_rl.advantages.signed import Signed
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study

LEVELS = (0.3, 0.4, 0.5, 0.6)  # of pass@1
ENTROPY, PASS_64 = _tabular.matched(_tabular.ENTROPY, LEVELS), _tabular.matched(_tabular.PASS_64, LEVELS)
SIGNS = {"PSR": Signed(1.0, 0.0), "NSR": Signed(0.0, 1.0), "W-REINFORCE": Signed(0.1, 1.0)}


def get_study() -> Study:
    return _tabular.study(
        "signs",
        claim="Negative samples alone keep entropy and the whole pass@k curve; positive ones alone spend both",
        source="Zhu et al. 2025, https://arxiv.org/abs/2506.01347",
        rows=(29,),
        note="At equal pass@1: means over the levels .3, .4, .5 and .6, each where a run first reaches it.",
        bars=(
            Bar("entropy at equal pass@1, NSR - GRPO", difference("NSR", "GRPO", ENTROPY), low=0.0, whole=True),
            Bar("entropy at equal pass@1, GRPO - PSR", difference("GRPO", "PSR", ENTROPY), low=0.0, whole=True),
            Bar("pass@64 at equal pass@1, NSR - PSR", difference("NSR", "PSR", PASS_64), low=0.03),
            *(Bar(f"pass@64 at equal pass@1, {name}", mean(name, PASS_64), decisive=False)
              for name in ("GRPO", *SIGNS)),
        ),
        arms=(
            _tabular.grpo(),
            *(_tabular.arm(name, name.lower().replace("-", "_"), advantages=signed) for name, signed in SIGNS.items()),
        ),
    )  # fmt: skip
