"""Tiny wheels and an installer that stands in for uv: environments are built offline, in moments."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

# Real names, so that rlgauge's own requirements resolve; what is in them is not needed.
OWN = {"numpy": "99.0", "msgspec": "99.0", "psutil": "99.0", "pyyaml": "99.0", "rich": "99.0", "jsonargparse": "4.99"}
UV = """#!{python} -IS
import json, os, pathlib, sys, time
with open({log!r}, "a") as file:
    print(json.dumps([os.getpid(), sys.argv[1:], dict(os.environ)]), file=file)
print("Resolved 7 packages in 2ms")
{body}
"""


def make_wheel(folder: Path, name: str, version: str, code: str = "", *, needs: Sequence[str] = ()) -> None:
    """Write a wheel with one module."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: signatures\n"
        + "".join(f"Requires-Dist: {one}\n" for one in needs),
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


class FakeUv:
    """An executable that logs how it was called and does what its body says."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self._log = folder / "uv", folder / "calls.jsonl"
        self.installs("toy")

    def runs(self, body: str) -> None:
        self.path.write_text(UV.format(python=sys.executable, log=str(self._log), body=body))
        self.path.chmod(0o755)

    def installs(self, module: str, *, seconds: float = 0.0, code: str = "") -> None:
        self.runs(
            f"time.sleep({seconds})\n"
            "prefix = pathlib.Path(sys.argv[sys.argv.index('--python') + 1]).parents[1]\n"
            f"next(prefix.glob('lib/python*/site-packages')).joinpath('{module}.py').write_text({code!r})"
        )

    @property
    def calls(self) -> list[tuple[int, list[str], dict[str, str]]]:
        """The process, arguments and variables of each call."""
        return [tuple(json.loads(line)) for line in self._log.read_text().splitlines()] if self._log.exists() else []


def ask(python: Path, code: str, variables: dict[str, str]) -> list[str]:
    """The lines that some code prints in another Python."""
    command: Sequence[str] = [str(python), "-P", "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=variables, cwd="/", timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]
