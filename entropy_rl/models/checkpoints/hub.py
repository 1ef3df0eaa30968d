"""Where a checkpoint is: a local folder, an object store, or the Hugging Face hub."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator, Sequence

from absl import logging
from etils import epath

from entropy_rl.models import families
from entropy_rl.models.checkpoints import headers, reading

HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?")
DESCRIPTION = (reading.CONFIG, headers.INDEX)
COMPANIONS = (
    "*.json", "tokenizer.model", "merges.txt", "vocab.txt", "*.jinja", "LICENSE*", "NOTICE*", "USE_POLICY*",
)  # fmt: skip


def fetch(path: str, revision: str | None = None) -> epath.Path:
    """The folder of a whole checkpoint, downloaded where it is not here yet.

    Its config.json comes first, so that an architecture that is not supported costs no gigabytes. Files of Python and
    pickles are never fetched.

    Args:
      path: a local folder, gs://..., or a hub id such as Qwen/Qwen3-0.6B.
      revision: branch, tag or commit, of a hub id only.

    Raises:
      ValueError: if there is none, or the hub does not give it; it says what to do.
    """
    folder = fetch_config(path, revision)
    families.read(reading.read_config(folder))
    if _is_here(path):
        return folder
    commit = folder.name  # what the hub calls a snapshot; a branch may have moved on since
    weights = headers.file_names(folder) if (folder / headers.INDEX).exists() else (headers.SINGLE,)
    folder = _download(path, commit, (*weights, *COMPANIONS))
    if not any((folder / name).exists() for name in (headers.SINGLE, headers.INDEX)):
        raise ValueError(
            f"{path} at revision {revision or 'main'} has no {headers.SINGLE} on the hub; weights kept as pickle are "
            "never opened here. Name a revision with safetensors (often a pull request: refs/pr/1), or another model"
        )
    return folder


def fetch_config(path: str, revision: str | None = None) -> epath.Path:
    """A folder with the config.json of a checkpoint, and perhaps with nothing else; arguments as of `fetch`."""
    folder = _place(path, revision, DESCRIPTION)
    reading.read_config(folder)  # says what the folder is, if it is no checkpoint
    return folder


def fetch_companions(path: str, revision: str | None = None) -> epath.Path:
    """A folder with what a model has beside its weights: config.json, tokenizer, templates, licence; as of `fetch`.

    It may have less than that: a folder with a tokenizer alone is one.
    """
    folder = _place(path, revision, COMPANIONS)
    if not folder.is_dir() or not any(folder.iterdir()):
        raise ValueError(f"{folder} is no folder with a tokenizer; correct the path")
    return folder


def _place(path: str, revision: str | None, patterns: Sequence[str]) -> epath.Path:
    if _is_here(path):
        if revision:
            raise ValueError(f"revision {revision!r} is of a hub id, and {path} is a folder; leave it out")
        return epath.Path(path).expanduser()
    if not HUB_ID.fullmatch(path):
        raise ValueError(f"{path!r} is neither a folder nor a hub id such as Qwen/Qwen3-0.6B; correct the path")
    return _download(path, revision, patterns)


def _is_here(path: str) -> bool:
    return "://" in path or epath.Path(path).expanduser().exists()


def _download(path: str, revision: str | None, patterns: Sequence[str]) -> epath.Path:
    import huggingface_hub  # takes a second to import, and a local folder does not need it

    logging.info("%s: fetching %s from the hub, unless they are in its cache", path, ", ".join(patterns[:3]))
    with _explained(path, revision):
        return epath.Path(
            huggingface_hub.snapshot_download(
                path,
                revision=revision,
                allow_patterns=list(patterns),
                ignore_patterns=["consolidated*", "original/*"],
                library_name="entropy_rl",
            )
        )


@contextlib.contextmanager
def _explained(path: str, revision: str | None) -> Iterator[None]:
    """Turns what the hub says into what to do."""
    from huggingface_hub import errors

    token = "HF_TOKEN is set" if os.environ.get("HF_TOKEN") else "HF_TOKEN is not set"
    try:
        yield
    except errors.GatedRepoError as error:
        raise ValueError(
            f"{path} is gated: accept its terms on its page of the hub while logged in, and set HF_TOKEN to a read "
            f"token of that account ({token})"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ValueError(f"{path} has no revision {revision!r} on the hub; its page lists branches and tags") from error
    except errors.RepositoryNotFoundError as error:
        raise ValueError(
            f"{path} is no folder here, and no model of that name is on the hub, or it is private; correct the name, "
            f"or set HF_TOKEN to a token that may read it ({token})"
        ) from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "no")
        raise ValueError(
            f"the hub answered {status} for {path}; try again later. What is downloaded already is kept"
        ) from error
    except errors.HFValidationError as error:
        raise ValueError(f"{path!r} is neither a folder nor a hub id such as Qwen/Qwen3-0.6B; correct it") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError) as error:
        offline = "HF_HUB_OFFLINE is set" if os.environ.get("HF_HUB_OFFLINE") else "is there a network?"
        raise ValueError(
            f"there is no folder {path} here; as a name on the hub: it cannot be reached ({offline})"
            f" and {path} at revision {revision or 'main'} is not whole in the "
            "cache; fetch it where there is a network (hf download), and name its folder or bucket instead"
        ) from error
    except Exception as error:  # the hub's HTTP client has errors of its own, and which client it is has changed
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise ValueError(
                f"no space for {path} in the hub's cache; free some, or set HF_HOME to a folder on another disk"
            ) from error
        if not type(error).__module__.startswith(("httpx", "requests", "urllib3")):
            raise
        raise ValueError(
            f"the connection to the hub broke while {path} came ({type(error).__name__}); run the same command again: "
            "what is downloaded already is kept"
        ) from error
