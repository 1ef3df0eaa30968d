def test_try(cloud):
    for line in ["tpu_vm/preflight.sh","tpu_vm/create.sh","tpu_vm/setup.sh","tpu_vm/run.sh --config=c.py --set steps=5","tpu_vm/status.sh","tpu_vm/logs.sh --no_follow","tpu_vm/copy.sh","tpu_vm/stop.sh","tpu_vm/delete.sh"]:
        import time; t=time.time()
        r=cloud.script(line, PRICE_PER_CHIP_HOUR="1.2")
        print(f"=== {line} -> {r.returncode} {time.time()-t:.2f}s\n{r.stdout}\n--\n{r.stderr}")
    assert 0
