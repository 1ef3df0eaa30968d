"""Flags that name what there is not."""

from __future__ import annotations

import pytest
from absl import app, flags

from benchmarks import options
from tests import flagsaver


@pytest.fixture(autouse=True)
def parsed():
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver():
        yield


def test_lengths_given_replace_those_of_the_shape():
    with flagsaver.flagsaver(shape="ragged", prompt_tokens=32):
        found = options.shape()
    assert (found.prompt_tokens, found.new_tokens, found.ends) == (32, 256, True)


def test_micro_batches_must_divide_the_prompts():
    with flagsaver.flagsaver(size="M", micro_batches=["1", "3"]), pytest.raises(app.UsageError, match="4 prompts"):
        options.micro_batches([1])


def test_the_size_has_micro_batches_of_its_own():
    assert options.micro_batches([8]) == [8]


def test_a_cache_that_is_none_is_named():
    with flagsaver.flagsaver(caches=["auto", "int4"]), pytest.raises(app.UsageError, match="int4: choose among auto"):
        options.caches()
