"""The benchmarks are programs, each beside the modules that it imports."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
