"""Qwen2.5-32B at the recipe and batch of the Entropy Mechanism paper, on a v5p-128 slice.

Check:   python -m entropy_rl.compile_check --config=tpu_v5p_128_qwen25_32b --topology=v5p:4x4x4
Run:     python -m entropy_rl.data prepare dapo_math math500 --data_dir=gs://BUCKET/data
         bash launch/tpu_vm/up.sh --config=tpu_v5p_128_qwen25_32b --workdir=gs://BUCKET/tpu_v5p_128_qwen25_32b
Made for 64 devices.
Result:  benchmarks/results/compile_check/tpu_v5p_128_qwen25_32b.json; not yet run
"""

from configs import _tpu, paper_qwen25_32b
from entropy_rl.config import Config
from entropy_rl.parallel.mesh import MeshShape


def get_config() -> Config:
    return _tpu.on_slice(
        paper_qwen25_32b.get_config(),
        "tpu_v5p_128_qwen25_32b",
        MeshShape(fsdp=8, tensor=8),
        rollout={"pieces": 2, "slots": 1024, "buckets": 3},
        update={"micro_batches": 4, "buckets": 2},
    )
