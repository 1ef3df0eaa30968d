"""A copy of the launch scripts, with a uv, a Python and a GPU that only write down what they were asked."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TOOLS = "awk bash cat chmod cksum cp cut df dirname env grep head ln mkdir mktemp nproc rm sleep tail taskset tee true"

UV = """#!/bin/bash
echo "$*" >>"$ASKED"
[[ $1 == --version ]] && exit 0
[[ -n ${UV_FAILS:-} ]] && { echo "$UV_FAILS" >&2; exit 2; }
if [[ $2 == venv ]]; then mkdir -p "${@: -1}/bin"; ln -sf "$INTERPRETER" "${@: -1}/bin/python"; fi
exit 0
"""
INTERPRETER = """#!/bin/bash
case $* in
    *version_info*) exit 0 ;;
    *default_backend*) echo "$BACKEND" ;;
    *) echo "run $*" >>"$ASKED"; [[ $* != *"${FAILING_ARM:-nothing}"* ]] ;;
esac
"""


class Machine:
    """A folder with the launch scripts, a PATH of its own, and what was asked of the tools on it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.repository, self.tools, self.asked = folder / "clone", folder / "bin", folder / "asked"
        shutil.copytree(REPOSITORY / "launch", self.repository / "launch")
        for name in ("pyproject.toml", "requirements.lock"):
            shutil.copy(REPOSITORY / name, self.repository)
        self.tools.mkdir()
        for name in TOOLS.split():
            if found := shutil.which(name):
                (self.tools / name).symlink_to(found)
        self.tool("uv", UV)
        self.tool("interpreter", INTERPRETER)
        self.environment = {
            "PATH": str(self.tools),
            "ASKED": str(self.asked),
            "INTERPRETER": str(self.tools / "interpreter"),
            "BACKEND": "cpu",
            "HOME": str(folder),
        }

    def tool(self, name: str, text: str) -> None:
        path = self.tools / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        self.asked.write_text("")
        return subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=self.repository,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def installs(self) -> list[str]:
        return [line for line in self.asked.read_text().splitlines() if "pip install" in line]
