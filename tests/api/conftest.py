# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from api_cases import close_the_short_way


@pytest.fixture
def long_way(monkeypatch):
    """Calls a function with the short way closed."""

    def call(function, *arguments, **options):
        with monkeypatch.context() as patch:
            close_the_short_way(patch)
            return function(*arguments, **options)

    return call
