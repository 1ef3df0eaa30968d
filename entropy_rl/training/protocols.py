"""How often, and at which temperature, each benchmark is answered."""

from __future__ import annotations

import dataclasses

from entropy_rl import checks


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Of one benchmark.

    Attributes:
      temperature: of sampling; 0 for the likeliest token each time.
      samples: responses to each problem; the score is their mean.
    """

    temperature: float
    samples: int

    def __str__(self) -> str:
        return "greedy" if self.temperature == 0 else f"avg@{self.samples}, T={self.temperature:g}"

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        if self.temperature != 0:
            checks.positive("--temperature", self.temperature)
        checks.at_least("--samples", self.samples, 1)
        if self.temperature == 0 and self.samples > 1:
            raise ValueError(
                f"{self.samples} samples at temperature 0 are the same answer {self.samples} times; use --samples=1, "
                "or a temperature above 0"
            )


GREEDY = Protocol(temperature=0.0, samples=1)
AVERAGED = Protocol(temperature=0.6, samples=32)
COMPETITIONS = ("aime24", "aime25", "amc", "amc23")  # a few dozen problems each: one answer says little


@dataclasses.dataclass(frozen=True)
class Protocols:
    """Of all benchmarks.

    Attributes:
      name: on the command line.
      usual: of every benchmark but those in `exceptions`.
      exceptions: (benchmark, protocol).
    """

    name: str
    usual: Protocol
    exceptions: tuple[tuple[str, Protocol], ...] = ()

    def of(self, benchmark: str, temperature: float | None = None, samples: int | None = None) -> Protocol:
        """The protocol of a benchmark; what is not None takes the place of the published number.

        Raises:
          ValueError: if the numbers asked for contradict each other.
        """
        found = dict(self.exceptions).get(benchmark, self.usual)
        changes = {"temperature": temperature, "samples": samples}
        found = dataclasses.replace(found, **{name: value for name, value in changes.items() if value is not None})
        found.validate()
        return found


# Source: Cui et al. 2025, https://arxiv.org/abs/2505.22617, and the authors' validation code: AIME and AMC are sampled
# at temperature .6 and averaged over 32 answers, everything else is greedy.
PAPER = Protocols("paper", GREEDY, tuple((benchmark, AVERAGED) for benchmark in COMPETITIONS))
AVG32 = Protocols("avg32", AVERAGED)
ALL = (PAPER, AVG32)


def named(name: str) -> Protocols:
    """The protocols of a name on the command line."""
    for protocols in ALL:
        if protocols.name == name:
            return protocols
    raise ValueError(f"--protocol={name} is unknown; use one of {', '.join(p.name for p in ALL)}")
