"""Six answers are equally right; how many survive?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_mode_collapse.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab import verdicts
from entropy_rl.lab.tabular import Tree
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study
from entropy_rl.tabular.exact_gradient import ExactGradient
from entropy_rl.tabular.rewards import InverseFrequency

MODES, DISTANCE = verdicts.last(_tabular.MODES), verdicts.last("tabular/distance_to_uniform")
LINEAR = verdicts.last("tabular/linearity")
BANDIT = Tree(depth=1, right=10, lift=0.0, graded=True)


def get_study() -> Study:
    return _tabular.study(
        "mode_collapse",
        claim="Maximising the expected return ends in one of several equally right answers, for log-ratios move in "
        "proportion to the difference of rewards; dividing the reward by the outcome's probability keeps them all",
        source="Sinha et al. 2026, https://arxiv.org/abs/2601.21669",
        rows=(32,),
        note="Proportion: in a bandit of ten answers worth 0 to 1, R² of log-ratios on rewards after 100 steps.",
        bars=(
            Bar("effective number of right answers of 6, GRPO", mean("GRPO", MODES), high=1.5),
            Bar("effective number of right answers of 6, IPS-GRPO", mean("IPS-GRPO", MODES), low=4.8),
            Bar("R² of log-ratios on rewards, natural gradient", mean("bandit, natural", LINEAR), low=0.95),
            Bar("the same, vanilla gradient", mean("bandit, vanilla", LINEAR), decisive=False),
            Bar("the same, GRPO", mean("bandit, GRPO", LINEAR), decisive=False),
            Bar("distance to uniform over right answers, GRPO", mean("GRPO", DISTANCE), decisive=False),
            Bar("distance to uniform over right answers, IPS-GRPO", mean("IPS-GRPO", DISTANCE), decisive=False),
        ),
        arms=(
            _tabular.grpo(800),
            _tabular.arm("IPS-GRPO", "ips", 800, 4, reward=InverseFrequency()),
            Arm("bandit, natural", ExactGradient("tabular_bandit_natural", True, 0.1, BANDIT, 100)),
            Arm("bandit, vanilla", ExactGradient("tabular_bandit_vanilla", False, 1.0, BANDIT, 100)),
            _tabular.arm("bandit, GRPO", "bandit_grpo", 100, tree=BANDIT),
        ),
        series=(_tabular.MODES, _tabular.PASS_1),
    )
