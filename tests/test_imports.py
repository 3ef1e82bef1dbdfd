"""What importing the package does not do."""

import subprocess
import sys

EVERY_MODULE = """
import importlib, pkgutil, sys
import cosod
for module in pkgutil.walk_packages(cosod.__path__, "cosod."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            assert error.name == "triton", error  # comes with torch for CUDA only
assert "torch" in sys.modules
print(sorted({"torchvision", "timm"} & set(sys.modules)))
"""

COMMAND_LINE = """
import sys
import cosod, cosod.cli
print(sorted({"torch", "numpy", "cv2", "PIL"} & set(sys.modules)))
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_no_module_needs_torchvision_or_timm():
    assert run(EVERY_MODULE) == "[]"


PUBLIC_NAMES = """
import sys
import cosod, cosod.apps.video, cosod.evaluation, cosod.io, cosod.models
lazy = (cosod, cosod.apps.video, cosod.evaluation, cosod.io, cosod.models)
for module in lazy:
    assert sorted(module.__all__) == dir(module)
assert "torch" not in sys.modules
for module in lazy:
    for name in module.__all__:
        getattr(module, name)
print("done")
"""


def test_every_public_name_is_listed_and_there():
    assert run(PUBLIC_NAMES) == "done"


def test_command_line_starts_without_torch():
    assert run(COMMAND_LINE) == "[]"
