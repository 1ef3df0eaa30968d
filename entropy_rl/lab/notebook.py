"""Parts of a report inside a notebook, with values under the pointer as in the page itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from markupsafe import escape

from entropy_rl.lab import report
from entropy_rl.lab.runs import Run
from entropy_rl.lab.sections import every_section
from entropy_rl.lab.seeds import grouped

_ROW, _FRAME = 420, 260  # pixels: of a row of charts, and of what stands around them


@dataclasses.dataclass(frozen=True)
class Shown:
    """A page that a notebook displays in a frame of its own, so that neither's style reaches the other."""

    page: str
    height: int

    def _repr_html_(self) -> str:
        # The height is a guess until the page is there; a frame of the same origin may be measured.
        fit = "this.style.height=this.contentDocument.body.scrollHeight+8+'px'"
        return (
            f'<iframe srcdoc="{escape(self.page)}" onload="{fit}" '
            f'style="width:100%;height:{self.height}px;border:0" title="entropy_rl"></iframe>'
        )


def show(runs: Sequence[report.Path | Run], only: Sequence[str] = ()) -> Shown:
    """Sections of the report of some runs; the last expression of a cell displays it.

    Args:
      runs: run folders, or runs already read.
      only: titles of sections, such as "Entropy and reward"; the whole report if empty.

    Raises:
      ValueError: if a folder is no run, or there is no section of that title.
    """
    read = report.as_runs(runs)
    found = every_section(grouped(read))
    titles = [section.title for section in found]
    if unknown := [title for title in only if title not in titles]:
        raise ValueError(f"no section is called {', '.join(map(repr, unknown))}; there are {', '.join(titles)}")
    rows = sum(-(-len(section.figures) // 2) for section in found if not only or section.title in only)
    page = report.render(read, "entropy_rl.lab.notebook.show", only=only)
    return Shown(page, _FRAME + _ROW * rows)
