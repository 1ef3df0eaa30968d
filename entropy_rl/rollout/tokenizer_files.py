"""The few small files of a tokenizer, from a folder, a bucket or the hub. Only files that hold data are ever copied."""

from __future__ import annotations

import json
from typing import Any

from etils import epath

from entropy_rl.models import checkpoints

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"
NAME_ENDS = ("generation_config.json", "config.json")  # they may name tokens that end a sequence
NAMES = (
    TOKENIZER, SETTINGS, "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json",
    *NAME_ENDS,
)  # fmt: skip
PICKLES = (".pkl", ".pickle", ".joblib")
CODE = (".py", ".pyc", ".so", ".bin", ".pt")  # of a file that calls itself a tokenizer
LARGEST = 200 << 20  # bytes; the largest published tokenizer.json has 33 MB


def copy(path: str, revision: str | None, target: epath.Path) -> None:
    """Copies what there is of `NAMES` from a folder, gs://... or the hub into a local folder.

    Raises:
      ValueError: if there is no tokenizer, or one that asks for code or a pickle: such files are named, never read.
    """
    folder = epath.Path(path).expanduser()
    if not folder.exists():
        folder = checkpoints.fetch_companions(path, revision)  # of the hub; it says what to do if there is none
    elif revision:
        raise ValueError(f"tokenizer.revision = {revision!r} is of the hub, and {path} is a folder; leave it out")
    if not folder.is_dir():
        raise ValueError(f"tokenizer.path = {path!r} is a file; give the folder that holds its {TOKENIZER}")
    _refuse_code(path, folder)
    if not (folder / TOKENIZER).exists():
        raise ValueError(
            f"{path} holds no {TOKENIZER}; have transformers write one: "
            "AutoTokenizer.from_pretrained(...).save_pretrained(folder)"
        )
    for name in NAMES:
        if (folder / name).exists():
            if (folder / name).stat().length > LARGEST:
                raise ValueError(
                    f"{path}/{name} is larger than {LARGEST >> 20} MiB, which no tokenizer is; fetch it again"
                )
            (target / name).write_bytes((folder / name).read_bytes())
            if name.endswith(".json"):
                _parsed(path, target / name)
    if "auto_map" in _parsed(path, target / SETTINGS):
        raise ValueError(
            f"the tokenizer of {path} asks for code of its own (auto_map in {SETTINGS}), and no code of a checkpoint "
            f"is ever run here; use the {TOKENIZER} of a repository without it"
        )


def _refuse_code(path: str, folder: epath.Path) -> None:
    for file in sorted(folder.iterdir()):
        name = file.name.lower()
        if name.endswith(PICKLES) or (name.startswith("token") and name.endswith(CODE)):
            raise ValueError(
                f"{path} holds {file.name}, which could run code when it is loaded; nothing was read. Remove it, or "
                f"use a folder with {TOKENIZER} and JSON files"
            )


def _parsed(path: str, file: epath.Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        found = json.loads(file.read_text())
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
    except ValueError as error:
        raise ValueError(f"{path}/{file.name} is damaged ({error}); fetch it again") from None
    return found
