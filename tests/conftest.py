# SPDX-License-Identifier: Apache-2.0
"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

# Several processes share the cores: threads that wait for work must not keep others from theirs.
if os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A node that the user compiled is not what is tested: tests/torch/test_compiled_node.py makes its own.
os.environ.setdefault("GRIDSAMPLE_CACHE", str(Path(__file__).parent / "no such folder"))
