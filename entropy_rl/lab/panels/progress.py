"""What the entropy did, and what was learnt meanwhile."""

from __future__ import annotations

import re
from collections.abc import Sequence

from entropy_rl.lab.figures import Figure, Section, over_steps, present
from entropy_rl.lab.law import ENTROPY, REWARD
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Group


def section(groups: Sequence[Group]) -> Section:
    entropy = over_steps(groups, "Policy entropy", ENTROPY, Axis("nats per token", low=0.0), raw=True)
    reward = over_steps(groups, "Training reward", REWARD, Axis("mean reward"), raw=True)
    return Section("Entropy and reward", "", present([entropy, reward, *_passes(groups)]))


def _passes(groups: Sequence[Group]) -> list[Figure | None]:
    """pass@1, and pass@k for the largest k that was evaluated."""
    found = (re.fullmatch(r"validation/pass@(\d+)", key) for group in groups for key in group.keys)
    ks = {int(match[1]) for match in found if match}
    axis = Axis("validation problems solved", percent=True)
    kept = sorted({min(ks), max(ks)}) if ks else []
    return [over_steps(groups, f"pass@{k}", f"validation/pass@{k}", axis, smooth=False) for k in kept]
