"""A copy of the house in another folder, to be damaged, built and looked at by the real command line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ARTICLE = "articles/koreaherald-2021-03-24.toml"


class House:
    """A copy of the package's files under ``folder``, importable as ``cosponsor`` before the installed one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / "cosponsor"
        ignore = shutil.ignore_patterns("__pycache__", "dataset.nq", "dataset.receipts.json")
        shutil.copytree(ROOT / "graph", self.package, ignore=ignore)
        for room in ("ontology", "server", "shapes"):
            shutil.copytree(ROOT / room, self.package / room, ignore=ignore)
        self.dataset = folder / "data" / "dataset.nq"

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the first ``old`` in a file of the package; it must be there."""
        path = self.package / file
        text = path.read_text("utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1), "utf-8")

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line of this house, with ``environment`` added, in its folder."""
        return subprocess.run(
            [sys.executable, "-m", "cosponsor.server.cli", *words],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder), "COSPONSOR_DATA": str(self.dataset)} | environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
