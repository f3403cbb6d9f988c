"""What `cosponsor serve --endpoint` costs in front of another engine, beside that engine asked directly."""

import tempfile
from pathlib import Path

from .servers import ours, peer, write_data
from .workloads import BASE, Run, compare


def main(run: Run) -> None:
    """Print the workloads for the smallest size."""
    size = min(run.sizes)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.nq"
        write_data(data, size)
        with peer(data) as behind, ours(None, "--endpoint", behind.origin + behind.path, "--base-iri", BASE) as server:
            compare(run, [server, behind], size)
