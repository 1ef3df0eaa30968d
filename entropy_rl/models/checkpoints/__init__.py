"""Checkpoints of published models: safetensors in and out, and where they come from."""

from entropy_rl.models.checkpoints.hub import fetch as fetch
from entropy_rl.models.checkpoints.hub import fetch_companions as fetch_companions
from entropy_rl.models.checkpoints.hub import fetch_config as fetch_config
from entropy_rl.models.checkpoints.reading import load as load
from entropy_rl.models.checkpoints.reading import read_config as read_config
from entropy_rl.models.checkpoints.reading import read_decoder as read_decoder
from entropy_rl.models.checkpoints.writing import Export as Export
from entropy_rl.models.checkpoints.writing import prepare as prepare
from entropy_rl.models.checkpoints.writing import save as save
