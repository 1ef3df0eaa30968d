"""Whether `transformers` computes the same with what we export as with what it wrote itself. Run by hand, in steps.

    TORCH -m tests.models.oracle.check_export make /tmp/exports       one more model, which sees images too
    python -m tests.models.oracle.check_export export /tmp/exports    ours: loads each checkpoint and writes it twice
    TORCH -m tests.models.oracle.check_export check /tmp/exports      one line each: the largest difference of logits

from the root of the repository; TORCH is a Python with torch, transformers and numpy, and nothing of ours. Each
checkpoint of data/ is exported with the config.json of its source and with one made from its decoder alone.
"""

from __future__ import annotations

import importlib
import pathlib
import sys

import numpy as np

DATA = pathlib.Path(__file__).parent / "data"
MULTIMODAL = "gemma3_multimodal"
TOKENS = np.random.default_rng(0).integers(1, 72, (2, 12))


def sources(folder: pathlib.Path) -> list[pathlib.Path]:
    return [*sorted(DATA.iterdir()), folder / MULTIMODAL]


def make(folder: pathlib.Path) -> None:
    """A Gemma 3 with eyes, in bfloat16 and several files, as `save_pretrained` writes it."""
    torch, transformers = importlib.import_module("torch"), importlib.import_module("transformers")
    text = {
        "vocab_size": 72, "hidden_size": 32, "intermediate_size": 20, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 4, "query_pre_attn_scalar": 10,
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
        "patch_size": 14,
    }  # fmt: skip
    config = transformers.Gemma3Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=1, image_token_index=70, boi_token_index=69,
        eoi_token_index=68,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.Gemma3ForConditionalGeneration(config).to(torch.bfloat16)
    model.save_pretrained(folder / MULTIMODAL, max_shard_size="20KB")


def export(folder: pathlib.Path) -> None:
    from entropy_rl.models import checkpoints
    from tests.models.checkpoints import example

    for source in sources(folder):
        decoder = checkpoints.read_decoder(source)
        params = checkpoints.load(source, decoder, example.placed(decoder))
        checkpoints.save(params, decoder, folder / "ours" / source.name, source, shard_bytes=9000)
        checkpoints.save(params, decoder, folder / "bare" / source.name)


def check(folder: pathlib.Path) -> None:
    transformers = importlib.import_module("transformers")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for source in sources(folder):
        expected = logits_of(source)
        for kind in ("ours", "bare"):
            difference = np.abs(logits_of(folder / kind / source.name) - expected).max()
            sys.stdout.write(f"{source.name:<20}{kind:<6}{difference:.1e} of {np.abs(expected).max():.1f}\n")


def logits_of(folder: pathlib.Path) -> np.ndarray:
    torch, transformers = importlib.import_module("torch"), importlib.import_module("transformers")
    kind = transformers.AutoModelForCausalLM
    if folder.name == MULTIMODAL and folder.parent.name not in ("ours", "bare"):
        kind = transformers.AutoModelForImageTextToText
    arguments = {"dtype": torch.float32, "attn_implementation": "eager", "output_loading_info": True}
    model, loading = kind.from_pretrained(folder, **arguments)
    wrong = {what: names for what, names in loading.items() if names}
    assert not wrong, (folder, wrong)
    with torch.no_grad():
        return model(input_ids=torch.tensor(TOKENS)).logits.numpy()


if __name__ == "__main__":
    {"make": make, "export": export, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
