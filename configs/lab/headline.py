"""The headline study: does entropy control end higher than GRPO, where the task is hard and the budget long?

Run:       python -m entropy_rl.experiment --config=configs/lab/headline.py --workdir=runs/lab

Protocol, written before the runs:
  Task:    Countdown with three or four numbers, 1,600 steps (configs/countdown_hard_grpo.py).
  Arms:    GRPO, Clip-Cov, KL-Cov, each with the setting that headline_tuning.py chose: on validation, another base.
           Its second round, in which all arms choose a learning rate, was added after its first and before these runs.
  Runs:    two bases (init.seed 0, 1) with ten seeds each; arms are paired by base and seed. 60 runs.
  Figures: test pass@1 and pass@16 (384 problems, 16 samples) after the last step, measured once. No run is left out,
           and none is stopped early; a run that comes to a bad end counts, and misses the bars of its arm.
  Bars:    a control ends higher in pass@1 than GRPO (the whole 95 % interval of the paired difference above 0), and by
           at least 3 points in pass@16, on each of the two bases. All arms are published whichever wins.
  Interval: Student's, over the ten paired differences on a base: it speaks of further seeds on that base. Two bases say
           little of other bases; taking all 20 pairs for independent would say too much, and is told, not judged.
"""

from collections.abc import Callable

from configs.lab import _hard
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results
from entropy_rl.study import Arm, Study

# What headline_tuning.py chose, by its rule; each arm chose this rate, the lowest that was tried.
RATE, FRACTION, COEFFICIENT = 1e-4, 5e-3, 0.5
BASES = (0, 1)
PASS_1, PASS_16 = verdicts.test("pass@1"), verdicts.test("pass@16")
ENTROPY = verdicts.test("entropy")


def gain(arm: str, figure: Figure, base: int | None = None) -> Callable[[Results], Estimate]:
    """Of an arm over GRPO, on one base or on all."""

    def measured(results: Results) -> Estimate:
        chosen = {name: {key: run for key, run in runs.items() if base in (None, key[0])} for name, runs in
                  results.runs.items()}  # fmt: skip
        return Results(chosen).difference(arm, "GRPO", figure)

    return measured


def bars(arm: str) -> tuple[Bar, ...]:
    return (
        *(Bar(f"test pass@1, {arm} - GRPO, base {base}", gain(arm, PASS_1, base), 0.0, whole=True) for base in BASES),
        *(Bar(f"test pass@16, {arm} - GRPO, base {base}", gain(arm, PASS_16, base), low=0.03) for base in BASES),
        Bar(f"test pass@1, {arm} - GRPO, both", gain(arm, PASS_1), decisive=False),
        Bar(f"test pass@16, {arm} - GRPO, both", gain(arm, PASS_16), decisive=False),
        Bar(f"test entropy, {arm} / GRPO", lambda results: results.ratio(arm, "GRPO", ENTROPY), decisive=False),
    )


def get_study() -> Study:
    return Study(
        name="headline",
        claim="Clip-Cov and KL-Cov end with a higher accuracy than GRPO: +1.8 and +2.0 points at 7B, +4.5 and +6.4 at "
        "32B, mean of seven benchmarks",
        source="Cui et al. 2025, https://arxiv.org/abs/2505.22617",
        rows=(17,),
        note="Countdown with three or four numbers, 104 thousand parameters, 1,600 steps; pass@16 beside pass@1. A "
        "probe expected .39 / .43 of GRPO and .44 / .52 of Clip-Cov; the bars ask for differences.",
        bars=(*bars("Clip-Cov"), *bars("KL-Cov")),
        arms=(
            Arm("GRPO", _hard.grpo(RATE)),
            Arm("Clip-Cov", _hard.clip_cov(FRACTION, RATE)),
            Arm("KL-Cov", _hard.kl_cov(COEFFICIENT, RATE)),
        ),
        seeds=tuple(range(10)),
        bases=BASES,
    )
