"""Multiple choice from a file trains end to end with a published model's tokenizer."""

from __future__ import annotations

import dataclasses
import json

from entropy_rl import training
from entropy_rl.tasks.choices import Choices
from tests.training import words


def test_a_model_of_words_trains_on_choices_from_a_file(tmp_path):
    rows = [{"question": f"{n} + 1?", "choices": [str(n + k) for k in range(3)], "answer": "B"} for n in range(120)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = words.write_model(tmp_path / "model")
    task = Choices(str(tmp_path / "rows.jsonl"), instruction="", validation_share=0.2, test_share=0.2)
    config = dataclasses.replace(words.config(model, words.Digest(), prompt_tokens=64), task=task, steps=1)
    run = training.run(config, str(tmp_path / "run"))
    assert run.metrics[-1]["reward/mean"] <= 1.0 and run.summary["steps"] == 1
    assert {"reward/component/accuracy", "reward/component/format"} <= run.metrics[-1].keys()
