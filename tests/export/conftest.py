# SPDX-License-Identifier: Apache-2.0
"""Converters warn of their own future, and of torch's; here that is nobody's mistake."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/export/" in str(item.path).replace("\\", "/"):
            item.add_marker(pytest.mark.filterwarnings("ignore"))
