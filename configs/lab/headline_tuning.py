"""The settings of the headline study, chosen on validation before any of its runs, one seed each.

Run:       python -m entropy_rl.experiment --config=configs/lab/headline_tuning.py --workdir=runs/lab

Protocol:  Countdown with three or four numbers, 1,600 steps (configs/countdown_hard_grpo.py). A third base, made with
           init.seed 2 and used nowhere else; seed 0. Equal tuning: each arm gets three values of one number and
           nothing else is tried. GRPO: the learning rate, 2e-4, 3e-4, 5e-4. Clip-Cov: the fraction, 2.5e-3, 5e-3,
           1e-2. KL-Cov: the coefficient, 0.5, 1, 2, at the fraction 2e-2. The learning rate of the two controls is
           3e-4. Of each arm the value with the highest mean validation pass@1 over the last five evaluations (steps
           1,200 to 1,600) enters headline.py; at a tie, the middle one. Test figures take no part.
Second round, decided when the first nine were finished and before any run of headline.py: GRPO chose the lowest of its
           rates, and an arm that is given a rate is not to be held against arms that are not. So every arm is tried at
           1e-4, 2e-4 and 3e-4, the controls with the number that the first round chose (fraction 5e-3, coefficient
           0.5); of each arm the rate is chosen by the same rule. All three chose 1e-4, the lowest: nothing below it was
           tried, and the study may hold all its arms at more than their best rate.
Changed after the runs: the bar, that all settings come to their end, decided until then, and the study counted among
           those that reproduce. It tests no claim, and says so now.
"""

from configs.lab import _hard
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.study import FIGURES, Arm, Study

CHOICE = verdicts.last("validation/pass@1", points=5)
ARMS = (
    *(Arm(f"GRPO, rate {rate:g}", _hard.grpo(rate)) for rate in (2e-4, 3e-4, 5e-4)),
    *(Arm(f"Clip-Cov, fraction {fraction:g}", _hard.clip_cov(fraction)) for fraction in (2.5e-3, 5e-3, 1e-2)),
    *(Arm(f"KL-Cov, coefficient {coefficient:g}", _hard.kl_cov(coefficient)) for coefficient in (0.5, 1.0, 2.0)),
    Arm("GRPO, rate 0.0001", _hard.grpo(1e-4)),
    *(Arm(f"Clip-Cov, fraction 0.005, rate {rate:g}", _hard.clip_cov(5e-3, rate)) for rate in (1e-4, 2e-4)),
    *(Arm(f"KL-Cov, coefficient 0.5, rate {rate:g}", _hard.kl_cov(0.5, rate)) for rate in (1e-4, 2e-4)),
)


def finished(results: Results) -> Estimate:
    return Estimate(float(sum(len(results.of(arm.name)) for arm in ARMS)))


def get_study() -> Study:
    return Study(
        name="headline_tuning",
        claim="no claim: it chooses the settings of the headline study, on validation, equally for each arm",
        source="configs/lab/headline_tuning.py",
        note="Its bar, that all settings come to their end, decided until after the runs, and the study counted among "
        "those that reproduce.",
        bars=(Bar("settings that came to their end", finished, decisive=False),),
        arms=ARMS,
        seeds=(0,),
        bases=(2,),
        figures=(("validation pass@1, mean of the last five", CHOICE), *FIGURES),
    )
