# The image of launch/gke: the working tree with the tpu extra, uncommitted files included.
#
#     docker build --tag "$IMAGE" . && docker push "$IMAGE"        (or: bash launch/gke/job.sh image)
FROM python:3.12-slim

WORKDIR /entropy_rl

# What changes rarely comes first, so that a changed line of code does not download JAX again.
COPY pyproject.toml requirements.lock README.md LICENSE ./
RUN mkdir -p entropy_rl configs && touch entropy_rl/__init__.py configs/__init__.py \
    && pip install --no-cache-dir --constraint requirements.lock --editable ".[tpu]"
COPY entropy_rl entropy_rl
COPY configs configs

# In this form the training is process 1 and receives SIGTERM itself: it saves and leaves with exit status 143.
ENTRYPOINT ["python", "-m", "entropy_rl.train"]
