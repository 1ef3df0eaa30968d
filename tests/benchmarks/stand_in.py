"""A peer that does nothing, for tests of the turns: `python -m tests.benchmarks.stand_in WORK.json`."""

from __future__ import annotations

import sys

from benchmarks.peers import protocol


class Engine:
    """Two methods to be timed."""

    def generate(self, prompts: list[str]) -> list[str]:
        return [prompt[::-1] for prompt in prompts]

    def score(self, prompts: list[str]) -> list[str]:
        return self.generate(prompts)


def main() -> None:
    work = protocol.read_work()
    if work.threads == 13:
        sys.exit("thirteen threads are bad luck")
    turns, engine = protocol.Turns({"stand-in": "1.0"}), Engine()
    turns.timed(engine, "generate", "gen", lambda texts: turns.note(toks=sum(map(len, texts)), said=texts[0]))
    turns.timed(engine, "score", "score")
    for prompts in work.prompts:
        start = turns.begin()
        sys.stdout.write("chatter of the engine\n")  # is not taken for figures
        sys.stdout.flush()
        engine.score(prompts)
        turns.end(start)


if __name__ == "__main__":
    main()
