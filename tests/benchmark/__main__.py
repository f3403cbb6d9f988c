"""What `make bench` measures: `python -m tests.benchmark [build] [endpoint]`, both if none is named."""

import sys

from . import build, endpoint

PARTS = {"build": build.main, "endpoint": endpoint.main}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
