"""Tokenizers of models: as transformers reads them, with text that never becomes control, and without their code."""

from __future__ import annotations

import json
import pathlib

import pytest
import tokenizers
from tokenizers import models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from entropy_rl.rollout.tokenizers import UNKNOWN, HuggingFaceTokenizer
from tests.rollout import tiny_tokenizers

TEXTS = ["What is 12 + 34?", "  two spaces\n\nand lines\n", "ümläut 数学 🙂", "", "boxed{46}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return tiny_tokenizers.write(tmp_path_factory.mktemp("qwen"), generation={"eos_token_id": [7, 8]})


@pytest.fixture(scope="module")
def tokenizer(folder) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(folder)


@pytest.mark.parametrize("text", TEXTS)
def test_ordinary_text_is_encoded_as_transformers_encodes_it_and_comes_back(tokenizer, folder, text):
    reference = PreTrainedTokenizerFast.from_pretrained(folder)
    tokens = tokenizer.encode(text)
    assert tokens == reference.encode(text, add_special_tokens=False)
    assert tokenizer.decode(tokens) == text


@pytest.mark.parametrize("control", tiny_tokenizers.CONTROLS)
def test_the_name_of_a_control_token_in_a_text_is_letters(tokenizer, control):
    text = f"2 + 2{control}\n{control}= 4"
    tokens = tokenizer.encode(text)
    assert tokenizer.control_ids.isdisjoint(tokens) and tokenizer.decode(tokens) == text
    (token,) = tokenizer.encode_markup(control)
    assert token in tokenizer.control_ids


def test_a_control_token_that_is_a_word_of_the_vocabulary_is_cut_into_letters(tmp_path):
    words = {word: token for token, word in enumerate(["<eos>", "<", "eos", ">", "four", "[UNK]"])}
    made = tokenizers.Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["<eos>"])
    tokenizer = HuggingFaceTokenizer(tiny_tokenizers.write(tmp_path, None, made, eos_token="<eos>"))
    assert tokenizer.encode_markup("four <eos>") == [4, 0]
    assert tokenizer.encode("four <eos>") == [4, 1, 5]  # "four <" and "eos>", which is no word


def test_ends_are_those_of_the_tokenizer_first_and_of_both_configs(tmp_path):
    path = tiny_tokenizers.write(tmp_path, generation={"eos_token_id": [3, 4]})
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": 5}))
    tokenizer = HuggingFaceTokenizer(path)
    (own,) = tokenizer.encode_markup("<|endoftext|>")
    assert tokenizer.eos_ids == (own, 3, 4, 5) and tokenizer.eos_id == own


def test_padding_falls_back_to_the_end_and_a_tokenizer_without_any_end_is_refused(tmp_path):
    tokenizer = HuggingFaceTokenizer(tiny_tokenizers.write(tmp_path / "a"))
    assert tokenizer.pad_id == tokenizer.eos_id
    padded = HuggingFaceTokenizer(tiny_tokenizers.write(tmp_path / "b", pad_token="<|im_start|>"))
    assert padded.pad_id != padded.eos_id
    with pytest.raises(ValueError, match="nothing ends a sequence .* eos_token"):
        _ = HuggingFaceTokenizer(tiny_tokenizers.write(tmp_path / "c", eos_token=None)).eos_id


def test_decoding_drops_ends_and_padding_keeps_other_controls_and_marks_unknown_ids(tokenizer):
    start, end = tokenizer.encode_markup("<|im_start|>")[0], tokenizer.eos_id
    two, four = tokenizer.encode("2"), tokenizer.encode("4")
    shown = tokenizer.decode([*two, start, *four, tokenizer.vocab_size, *two, -3, end, tokenizer.pad_id])
    assert shown == f"2<|im_start|>4{UNKNOWN}2{UNKNOWN}"  # a dropped control would join 2 and 4 to 24


def test_the_vocabulary_counts_added_tokens(tokenizer):
    assert tokenizer.vocab_size == max(tokenizer.encode_markup("".join(tiny_tokenizers.CONTROLS))) + 1


def test_the_prefix_is_what_the_tokenizer_itself_puts_before_a_text(tmp_path, tokenizer):
    assert tokenizer.prefix == ()
    made = tiny_tokenizers.byte_level(bos="<s>")
    assert HuggingFaceTokenizer(tiny_tokenizers.write(tmp_path, None, made, bos_token="<s>")).prefix == (0,)


def test_nothing_is_read_before_the_first_use():
    tokenizer = HuggingFaceTokenizer("/no/such/folder")
    tokenizer.validate()
    with pytest.raises(ValueError, match="/no/such/folder"):
        tokenizer.encode("1")
    with pytest.raises(ValueError, match="tokenizer.path is empty"):
        HuggingFaceTokenizer("").validate()


@pytest.mark.parametrize("name", ["tokenization_custom.py", "tokenizer.pkl", "cache.pickle", "tokenizer.bin"])
def test_planted_code_is_named_and_never_run(tmp_path, name):
    path, trace = tiny_tokenizers.write(tmp_path / "model"), tmp_path / "ran"
    (tmp_path / "model" / name).write_text(f"import pathlib; pathlib.Path({str(trace)!r}).touch()")
    with pytest.raises(ValueError, match=f"holds {name}, which could run code"):
        HuggingFaceTokenizer(path).encode("1")
    assert not trace.exists()


def test_a_tokenizer_that_asks_for_its_own_code_is_refused_and_its_code_is_never_run(tmp_path):
    trace = tmp_path / "ran"
    path = tiny_tokenizers.write(tmp_path / "model", auto_map={"AutoTokenizer": ["custom.Evil", "custom.Evil"]})
    (tmp_path / "model" / "custom.py").write_text(f"import pathlib; pathlib.Path({str(trace)!r}).touch()")
    with pytest.raises(ValueError, match="asks for code of its own"):
        HuggingFaceTokenizer(path).encode("1")
    assert not trace.exists()


def test_code_beside_a_tokenizer_that_does_not_ask_for_it_is_not_even_copied(tmp_path):
    path, trace = tiny_tokenizers.write(tmp_path / "model"), tmp_path / "ran"
    (tmp_path / "model" / "modeling_custom.py").write_text(f"import pathlib; pathlib.Path({str(trace)!r}).touch()")
    assert HuggingFaceTokenizer(path).encode("12") and not trace.exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("tokenizer.json", "{", "tokenizer.json is damaged"),
        ("tokenizer.json", '{"model": {"type": "None"}}', "is damaged"),
        ("tokenizer_config.json", "[]", "tokenizer_config.json is damaged .no JSON object"),
        ("generation_config.json", "\x00", "generation_config.json is damaged"),
        ("tokenizer.json", None, "holds no tokenizer.json; .*save_pretrained"),
    ],
)
def test_a_damaged_folder_is_one_clear_error(tmp_path, name, content, words):
    path = tiny_tokenizers.write(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=words):
        HuggingFaceTokenizer(path).encode("1")


def test_a_name_that_is_no_folder_is_asked_of_the_hub_for_the_files_of_a_tokenizer_alone(tmp_path, monkeypatch):
    import huggingface_hub

    local, asked = tiny_tokenizers.write(tmp_path / "snapshot"), []
    (tmp_path / "snapshot" / "config.json").write_text("{}")

    def download(name: str, **arguments):
        asked.append((name, arguments["revision"], arguments["allow_patterns"]))
        return local

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert HuggingFaceTokenizer("some/model", "abc").encode("12")
    assert {name for name, _, _ in asked} == {"some/model"} and asked[0][1] == "abc"
    patterns = [pattern for _, _, patterns in asked for pattern in patterns]
    assert "*.json" in patterns and not [name for name in patterns if name.endswith((".safetensors", ".py", ".bin"))]


def test_a_revision_of_a_folder_is_a_mistake(folder):
    with pytest.raises(ValueError, match="revision = 'v1' is of the hub"):
        HuggingFaceTokenizer(folder, "v1").encode("1")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    file = pathlib.Path(tiny_tokenizers.write(tmp_path)) / "tokenizer.json"
    with pytest.raises(ValueError, match="is a file; give the folder"):
        HuggingFaceTokenizer(str(file)).encode("1")


@pytest.mark.parametrize("text", [text for text in TEXTS if text] + ["</s> is no end", "<0x41>"])
def test_sentence_pieces_are_encoded_and_come_back_too(tmp_path, text):
    made = tiny_tokenizers.sentence_pieces()
    settings = {"eos_token": "</s>", "bos_token": "<s>", "unk_token": "<unk>", "tokenizer_class": "LlamaTokenizer"}
    tokenizer = HuggingFaceTokenizer(tiny_tokenizers.write(tmp_path, None, made, add_bos_token=True, **settings))
    assert (tokenizer.pad_id, tokenizer.eos_ids, tokenizer.prefix) == (0, (2,), (1,))
    tokens = tokenizer.encode(text)
    assert tokenizer.control_ids.isdisjoint(tokens) and tokenizer.decode(tokens) == text
    if "</s>" not in text:
        assert [1, *tokens] == PreTrainedTokenizerFast.from_pretrained(tokenizer.path).encode(text)
