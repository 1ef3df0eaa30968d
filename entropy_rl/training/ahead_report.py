"""What was found ahead of time, as a table for the terminal, a line of JSON, and a table of presets for a page."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from entropy_rl.config import Config
from entropy_rl.training import fitting, hlo, roofline
from entropy_rl.training.ahead import GIB, Checked, Hardware

_COLUMNS = (
    "program", "a step", "arguments", "temporary", "peak", "beside", "in all", "fits", "TFLOP", "GB moved",
    "collectives", "GB sent", "least s", "bound by", "compiled in",
)  # fmt: skip
_LARGEST = 8  # collectives of a program that its record names
ONLY = "compiled ahead of time for a described slice: nothing was run, no time was measured"


def table(found: Sequence[Checked], hardware: Hardware) -> str:
    """One line per program; memory in GiB and work per device and run of the program."""
    rows = [_COLUMNS, *(_cells(one, hardware.memory) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    line = lambda row: "  ".join(  # noqa: E731
        cell.ljust(width) if not column else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "\n".join(line(row).rstrip() for row in rows)


def _cells(one: Checked, limit: float) -> tuple[str, ...]:
    gib = lambda number: f"{number / GIB:.2f}" if number else "-"  # noqa: E731
    fits = "yes" if one.fits(limit) else "NO"
    sent, count = sum(c.sent for c in one.collectives), sum(c.times for c in one.collectives)
    estimate = one.seconds
    return (
        one.program.name, f"x{one.program.times:g}", gib(one.arguments), gib(one.temporaries), gib(one.peak),
        gib(one.program.beside), gib(one.needed), fits, f"{one.work.flops / 1e12:.2f}", f"{one.work.bytes / 1e9:.1f}",
        f"{count:g}", f"{sent / 1e9:.2f}", "-" if estimate is None else f"{estimate.least:.3g}",
        "-" if estimate is None else estimate.bound, f"{one.compile_seconds + one.lower_seconds:.0f} s",
    )  # fmt: skip


def summary(found: Sequence[Checked], config: Config, hardware: Hardware) -> str:
    """What the table comes to: does it fit, what to change, what should not be there, how fast a step can be."""
    lines = [sentence for one in found for sentence in _indented(fitting.advice(one, config, hardware.memory))]
    lines += [f"{one.program.name}: {fault}" for one in found for fault in one.faults]
    if all(one.seconds is not None for one in found):
        times = estimates(found)
        parts = ", ".join(f"{name} {value:.1f} s" for name, value in times.items() if name != "step")
        lines.append(
            f"a step takes at least {times['step']:.1f} s ({parts}) with every response at its full length; refills of "
            "dynamic sampling and evaluation come on top"
        )
    largest = max(found, key=lambda one: one.needed)
    if all(one.fits(hardware.memory) for one in found):
        used, limit = largest.needed / GIB, hardware.memory / GIB
        lines.append(f"fits: {largest.program.name} needs the most, {used:.2f} of {limit:.2f} GiB per device")
    else:
        lines.append("does not fit")
    return "\n".join(lines)


def _indented(sentences: list[str]) -> list[str]:
    return [sentences[0], *(f"  - {sentence}" for sentence in sentences[1:])] if sentences else []


def estimates(found: Sequence[Checked]) -> dict[str, Any]:
    """Seconds of a step by phase, of programs that compiled."""
    return roofline.total([(one.program, one.seconds) for one in found if one.seconds is not None])


def record(found: Sequence[Checked], config: Config, hardware: Hardware, about: Mapping[str, Any]) -> dict[str, Any]:
    """The same as plain JSON values.

    Args:
      about: what was compiled, and with what.
    """
    return {
        **about,
        "note": ONLY,
        "fits": all(one.fits(hardware.memory) for one in found),  # of the programs that are here
        "memory_bytes": int(hardware.memory),
        "peak_flops": hardware.peak.flops,
        "memory_bandwidth": hardware.peak.bandwidth,
        "link_bandwidth": hardware.link_bandwidth,
        "least_seconds": estimates(found),
        "compile_seconds": round(sum(one.compile_seconds + one.lower_seconds for one in found), 1),
        "programs": [_program(one, config, hardware.memory) for one in found],
    }


def _program(one: Checked, config: Config, limit: float) -> dict[str, Any]:
    plain = {
        field.name: getattr(one, field.name)
        for field in dataclasses.fields(one)
        if field.name not in ("program", "work", "collectives", "seconds")
    }
    plain |= {name: round(plain[name], 1) for name in ("lower_seconds", "compile_seconds")}
    return {
        "name": one.program.name,
        "phase": one.program.phase,
        "times": one.program.times,
        "beside": one.program.beside,
        **plain,
        **dataclasses.asdict(one.work),
        "fits": one.fits(limit),
        "advice": fitting.advice(one, config, limit),
        "collectives": hlo.summary(list(one.collectives)),
        "largest_collectives": [_collective(each) for each in sorted(one.collectives, key=_sent)[-_LARGEST:][::-1]],
        "seconds": None if one.seconds is None else dataclasses.asdict(one.seconds),
        "bound": None if one.seconds is None else one.seconds.bound,
    }


def _sent(one: hlo.Collective) -> float:
    return one.sent


def _collective(one: hlo.Collective) -> dict[str, Any]:
    shapes = ", ".join(map(str, one.shapes[:4])) + (", ..." if len(one.shapes) > 4 else "")
    return {"kind": one.kind, "shapes": shapes, "group": one.group, "times": one.times, "sent": one.sent,
            "origin": one.origin}  # fmt: skip


def page(records: Sequence[Mapping[str, Any]]) -> str:
    """A table in Markdown, one line per record."""
    lines = [
        "| config | slice | mesh (data, fsdp, tensor) | fits | sampling GiB | update GiB | of GiB | least s a step "
        "(rollout + update) | compile s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_line(each) for each in sorted(records, key=lambda each: str(each["config"])))]) + "\n"


def _line(each: Mapping[str, Any]) -> str:
    programs = {one["name"]: one for one in each["programs"]}
    needed = lambda name: f"{programs[name]['needed'] / GIB:.2f}" if name in programs else "-"  # noqa: E731
    times = each["least_seconds"]
    seconds = f"{times['step']:.0f} ({times.get('rollout', 0):.0f} + {times.get('update', 0):.0f})"
    return (
        f"| {each['config']} | {each['topology']} | {each['mesh']} | {'yes' if each['fits'] else '**no**'} | "
        f"{needed('sampling')} | {needed('update')} | {each['memory_bytes'] / GIB:.2f} | {seconds} | "
        f"{each['compile_seconds']:.0f} |"
    )
