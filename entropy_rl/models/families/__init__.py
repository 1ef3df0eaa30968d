"""Published architectures: a new family is a file beside this one, and an entry in `FAMILIES`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from entropy_rl.models.decoder import Decoder
from entropy_rl.models.families import values
from entropy_rl.models.families.family import Family as Family
from entropy_rl.models.families.family import Path as Path
from entropy_rl.models.families.family import Tensor as Tensor
from entropy_rl.models.families.gemma2 import Gemma2
from entropy_rl.models.families.gemma3 import Gemma3, Gemma3Multimodal
from entropy_rl.models.families.llama import Llama
from entropy_rl.models.families.mistral import Mistral
from entropy_rl.models.families.qwen2 import Qwen2
from entropy_rl.models.families.qwen3 import Qwen3

# In the order in which an export looks for one that fits.
FAMILIES: tuple[Family, ...] = (Llama(), Qwen2(), Qwen3(), Mistral(), Gemma3(), Gemma2(), Gemma3Multimodal())
CHOICES = ("compute_dtype", "param_dtype", "remat", "attention", "lora")  # of a run; a checkpoint does not say


def family_of(config: Mapping[str, Any]) -> Family:
    """The family that a config.json belongs to.

    Raises:
      ValueError: if it needs code from its folder, is quantised, or is of an architecture that is not supported.
    """
    values.require_kinds(config)
    if config.get("auto_map"):
        raise ValueError(
            f"config.json: auto_map {config['auto_map']!r} asks to run Python files of the checkpoint, which is never "
            "done here; use a checkpoint of the same model in a supported architecture, without custom code"
        )
    if config.get("quantization_config"):
        method = config["quantization_config"].get("quant_method", "an unnamed method")
        raise ValueError(f"config.json: the weights are quantised ({method}); use the checkpoint that it was made from")
    named = config.get("architectures") or []
    for family in FAMILIES:
        if family.architecture in named or (not named and family.model_type == config.get("model_type")):
            return family
    supported = ", ".join(family.architecture for family in FAMILIES)
    found = f"architectures is {named!r}" if named else f"model_type is {config.get('model_type')!r}"
    raise ValueError(
        f"config.json: {found}; supported are {supported}. Choose a checkpoint of one of these, or add its family to "
        "entropy_rl/models/families"
    )


def read(config: Mapping[str, Any]) -> Decoder:
    """The decoder that a config.json describes, its absent keys filled in as `transformers` does.

    Raises:
      ValueError: if it describes none that can be computed here.
    """
    family = family_of(config)
    decoder = family.decoder({**family.defaults, **config})
    decoder.validate()
    return decoder


def family_for(decoder: Decoder) -> Family:
    """The first family in whose config.json every detail of the decoder can be written.

    Raises:
      ValueError: if there is none; it names what stands in the way of the nearest.
    """
    differences = {}
    for family in (family for family in FAMILIES if family.exported):
        try:
            found = differing(read(written(family, decoder)), decoder)
        except ValueError as error:  # the family has a rule that this policy breaks
            found = [str(error)]
        if not found:
            return family
        differences[family.architecture] = found
    nearest = min(differences, key=lambda name: len(differences[name]))
    raise ValueError(
        f"no published architecture has this policy: {nearest} comes nearest, but its config.json cannot say "
        f"{'; '.join(differences[nearest])}. Change those fields to export it"
    )


def written(family: Family, decoder: Decoder) -> dict[str, Any]:
    """A whole config.json of a family."""
    return {"architectures": [family.architecture], "model_type": family.model_type, **family.config(decoder)}


def differing(found: Decoder, wanted: Decoder) -> list[str]:
    """In which details of the architecture two decoders differ, each as "field = ours, not theirs"."""
    names = [field.name for field in dataclasses.fields(Decoder) if field.name not in CHOICES]
    pairs = ((name, getattr(wanted, name), getattr(found, name)) for name in names)
    return [f"{name} = {ours}, not {theirs}" for name, ours, theirs in pairs if ours != theirs]
