"""Qwen2.5-7B at the recipe and batch of the Entropy Mechanism paper, on a v5p-16 slice.

Check:   python -m entropy_rl.compile_check --config=tpu_v5p_16_qwen25_7b --topology=v5p:2x2x2
Run:     python -m entropy_rl.data prepare dapo_math math500 --data_dir=gs://BUCKET/data
         bash launch/tpu_vm/up.sh --config=tpu_v5p_16_qwen25_7b --workdir=gs://BUCKET/tpu_v5p_16_qwen25_7b
Made for 8 devices.
Result:  benchmarks/results/compile_check/tpu_v5p_16_qwen25_7b.json; not yet run
"""

from configs import _tpu, paper_qwen25_7b
from entropy_rl.config import Config
from entropy_rl.parallel.mesh import MeshShape


def get_config() -> Config:
    return _tpu.on_slice(
        paper_qwen25_7b.get_config(),
        "tpu_v5p_16_qwen25_7b",
        MeshShape(fsdp=8),
        rollout={"pieces": 2, "slots": 512, "buckets": 3},
        update={"micro_batches": 4, "buckets": 2},
    )
