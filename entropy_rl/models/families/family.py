"""What a family of published models is: how its config.json and the names of its tensors map to a `Decoder`."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from entropy_rl.models.decoder import Decoder

Path = tuple[str, ...]  # of a leaf in the parameters, such as ("layers", "query")


@dataclasses.dataclass(frozen=True)
class Tensor:
    """Where one parameter of ours lies in a checkpoint. A stacked parameter is one tensor per layer there.

        ours[layer] = stored.reshape(split).transpose(order)

    Attributes:
      name: in the checkpoint; "{layer}" stands for the number of the layer.
      shape: in the checkpoint.
      split: the same elements in the same order, with heads and head width as axes of their own.
      order: which axis of `split` each axis of ours is.
    """

    name: str
    shape: tuple[int, ...]
    split: tuple[int, ...]
    order: tuple[int, ...]

    @property
    def stacked(self) -> bool:
        """Whether there is one per layer."""
        return "{layer}" in self.name

    def named(self, layer: int) -> str:
        """Its name in the checkpoint, of one layer."""
        return self.name.replace("{layer}", str(layer))

    def ours(self) -> tuple[int, ...]:
        """Our shape, of one layer."""
        return tuple(self.split[axis] for axis in self.order)


def plain(name: str, *shape: int) -> Tensor:
    """Stored as we hold it."""
    return Tensor(name, shape, shape, tuple(range(len(shape))))


def linear(name: str, outputs: tuple[int, ...], inputs: tuple[int, ...]) -> Tensor:
    """The weight of a torch.nn.Linear, stored [outputs, inputs]; ours is [*inputs, *outputs]."""
    split = (*outputs, *inputs)
    order = (*range(len(outputs), len(split)), *range(len(outputs)))
    return Tensor(name, (math.prod(outputs), math.prod(inputs)), split, order)


def bias(name: str, outputs: tuple[int, ...]) -> Tensor:
    """The bias of a torch.nn.Linear."""
    return Tensor(name, (math.prod(outputs),), outputs, tuple(range(len(outputs))))


class Family(abc.ABC):
    """One kind of published model: a value without state.

    Attributes:
      model_type, architecture: as its config.json writes them.
      defaults: what a key means that its config.json leaves out, as in `transformers`.
      exported: whether `config` writes it.
    """

    model_type: str
    architecture: str
    defaults: Mapping[str, Any] = {}
    exported: bool = True

    @abc.abstractmethod
    def decoder(self, config: Mapping[str, Any]) -> Decoder:
        """The architecture that a config.json describes; precision and other choices of a run are the defaults.

        Raises:
          ValueError: if it asks for what the decoder does not do; it names the value, the rule and the remedy.
        """

    @abc.abstractmethod
    def config(self, decoder: Decoder) -> dict[str, Any]:
        """A config.json that `transformers` and `self.decoder` read as this decoder, if the family has it."""

    def tensors(self, decoder: Decoder) -> dict[Path, Tensor]:
        """Every parameter of the decoder, and where it lies in a checkpoint; the largest tables first."""
        return {**tables(decoder), **attention(decoder), **feed_forward(decoder), **self.norms(decoder)}

    def norms(self, decoder: Decoder) -> dict[Path, Tensor]:
        """The scales of the norms: their names are where families differ."""
        return {
            ("layers", "attention_norm"): plain("model.layers.{layer}.input_layernorm.weight", decoder.width),
            ("layers", "mlp_norm"): plain("model.layers.{layer}.post_attention_layernorm.weight", decoder.width),
        }

    def canonical(self, name: str) -> str | None:
        """The name that `tensors` uses for a tensor of a checkpoint; None for one that is no parameter of ours."""
        return None if name.endswith("rotary_emb.inv_freq") else name  # a constant that old checkpoints carry


def tables(decoder: Decoder) -> dict[Path, Tensor]:
    """What lies outside the layers."""
    found = {("embedding",): plain("model.embed_tokens.weight", decoder.vocab_size, decoder.width)}
    if not decoder.tied_embeddings:
        found["unembedding",] = plain("lm_head.weight", decoder.vocab_size, decoder.width)
    return found | {("final_norm",): plain("model.norm.weight", decoder.width)}


def attention(decoder: Decoder) -> dict[Path, Tensor]:
    """Projections of the attention, their biases, and the norms of queries and keys."""
    prefix, width = "model.layers.{layer}.self_attn.", (decoder.width,)
    heads, kv_heads = (decoder.heads, decoder.head_width), (decoder.kv_heads, decoder.head_width)
    found = {
        ("layers", "query"): linear(prefix + "q_proj.weight", heads, width),
        ("layers", "key"): linear(prefix + "k_proj.weight", kv_heads, width),
        ("layers", "value"): linear(prefix + "v_proj.weight", kv_heads, width),
        ("layers", "output"): linear(prefix + "o_proj.weight", width, heads),
    }
    if decoder.attention_bias:
        found["layers", "query_bias"] = bias(prefix + "q_proj.bias", heads)
        found["layers", "key_bias"] = bias(prefix + "k_proj.bias", kv_heads)
        found["layers", "value_bias"] = bias(prefix + "v_proj.bias", kv_heads)
    if decoder.output_bias:
        found["layers", "output_bias"] = bias(prefix + "o_proj.bias", width)
    if decoder.qk_norm:
        found["layers", "query_norm"] = plain(prefix + "q_norm.weight", decoder.head_width)
        found["layers", "key_norm"] = plain(prefix + "k_norm.weight", decoder.head_width)
    return found


def feed_forward(decoder: Decoder) -> dict[Path, Tensor]:
    """The gated feed-forward network."""
    prefix, width, inner = "model.layers.{layer}.mlp.", (decoder.width,), (decoder.feed_forward,)
    return {
        ("layers", "gate"): linear(prefix + "gate_proj.weight", inner, width),
        ("layers", "up"): linear(prefix + "up_proj.weight", inner, width),
        ("layers", "down"): linear(prefix + "down_proj.weight", width, inner),
    }
