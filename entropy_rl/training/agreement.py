"""Whether all processes of a run are about to do the same: its config, its code and its libraries are compared."""

from __future__ import annotations

import hashlib
import socket
from typing import Any

import jax
from etils import epath

from entropy_rl import overrides
from entropy_rl.config import Config
from entropy_rl.parallel import exchange
from entropy_rl.training import provenance

_SHOWN = 5  # differing fields in a message


def require(config: Config, folder: epath.Path) -> None:
    """Raises ValueError, on every process, if one of them has another config, code, versions, or another folder.

    Args:
      folder: the workdir, which all processes must share.
    """
    if jax.process_count() == 1:
        return
    found = exchange.everyones(fingerprint(config), "config, code and versions")
    message = difference(found)
    if message:
        raise ValueError(message)
    _require_shared(folder)


def fingerprint(config: Config) -> dict[str, str]:
    """Path -> text of everything that must be equal, and "host"; long texts as a hash."""
    origin = provenance.collect()
    code = {"code.commit": origin["commit"], "code.uncommitted": _short(origin["diff"])}
    versions = {f"versions.{name}": version for name, version in origin["versions"].items()}
    flat = {f"config.{path}": _short(repr(value)) for path, value in overrides.flatten(config).items()}
    hardware = {"hardware": origin["hardware"], "devices per process": str(jax.local_device_count())}
    return {"host": socket.gethostname(), **code, **versions, **hardware, **flat}


def difference(found: list[dict[str, str]]) -> str:
    """What differs between the processes, by path and host; "" if nothing does."""
    paths = [path for path in dict.fromkeys(p for one in found for p in one) if path != "host"]
    differing = [path for path in paths if len({one.get(path) for one in found}) > 1]
    if not differing:
        return ""
    rows = [f"{path}: {_by_value(path, found)}" for path in differing[:_SHOWN]]
    more = f"; and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
    return (
        f"the hosts of this run differ in {'; '.join(rows)}{more}. Start the same command from the same files and the "
        "same environment on all of them"
    )


def _by_value(path: str, found: list[dict[str, str]]) -> str:
    values: dict[Any, list[str]] = {}
    for process, one in enumerate(found):
        values.setdefault(one.get(path), []).append(f"{process} ({one['host']})")
    return ", ".join(f"{value} on process {' '.join(who)}" for value, who in values.items())


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:40]}... sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _require_shared(folder: epath.Path) -> None:
    """That all processes see one folder: the first leaves a file there and the others look for it."""
    token = folder / ".shared"
    if jax.process_index() == 0:
        folder.mkdir(parents=True, exist_ok=True)
        token.write_text("seen by all processes of a run\n")
    exchange.meet("a file in the workdir")
    seen = exchange.everyones([socket.gethostname(), token.exists()], "the file in the workdir")
    if jax.process_index() == 0:
        token.unlink()
    blind = [f"{process} ({host})" for process, (host, there) in enumerate(seen) if not there]
    if blind:
        raise ValueError(
            f"process {', '.join(blind)} does not see {folder} as process 0 does; several hosts need a --workdir that "
            "all of them reach: gs://..., or a shared disk"
        )
