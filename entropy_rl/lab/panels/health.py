"""What one looks at when a run looks wrong."""

from __future__ import annotations

from collections.abc import Sequence

from entropy_rl.lab.figures import Section, over_steps, present
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Group

WANTED = (
    ("Response length", "response/length_mean", Axis("tokens", low=0.0)),
    ("Responses cut off", "response/truncated", Axis("share of responses", percent=True, low=0.0)),
    ("Groups without signal", "reward/zero_variance_groups", Axis("share of groups", percent=True, low=0.0)),
    ("Clipped upwards", "clip/high_positive", Axis("share of tokens", percent=True, low=0.0)),
    ("Clipped downwards", "clip/low_negative", Axis("share of tokens", percent=True, low=0.0)),
    ("Largest |log ratio|", "update/log_ratio_abs_max", Axis("nats", log=True)),
    ("Gradient norm", "update/gradient_norm", Axis("norm before clipping", log=True)),
    ("Time per step", "time/step", Axis("seconds", low=0.0)),
)


def section(groups: Sequence[Group]) -> Section:
    # Each step's own value too: a single spike is what one looks for here, and a moving mean hides it.
    found = present(over_steps(groups, title, key, axis, raw=True) for title, key, axis in WANTED)
    return Section("Health of the runs", "", found, folded=True)
