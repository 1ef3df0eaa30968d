"""Published datasets, one table each; and the tasks that read them once they are prepared."""

from entropy_rl.tasks.datasets.competitions import Aime24, Aime25, Amc, Amc23
from entropy_rl.tasks.datasets.dapo import DapoMath
from entropy_rl.tasks.datasets.gsm8k import Gsm8k
from entropy_rl.tasks.datasets.harder import Minerva, OlympiadBench, OmniMath
from entropy_rl.tasks.datasets.hendrycks_math import Math, Math500
from entropy_rl.tasks.datasets.published import Published

TASKS: tuple[type[Published], ...] = (
    Gsm8k,
    Math,
    Math500,
    DapoMath,
    Aime24,
    Aime25,
    Amc,
    Amc23,
    Minerva,
    OlympiadBench,
    OmniMath,
)
BY_NAME: dict[str, type[Published]] = {task.dataset.name: task for task in TASKS}

__all__ = [
    "BY_NAME",
    "TASKS",
    "Aime24",
    "Aime25",
    "Amc",
    "Amc23",
    "DapoMath",
    "Gsm8k",
    "Math",
    "Math500",
    "Minerva",
    "OlympiadBench",
    "OmniMath",
    "Published",
]
