# SPDX-License-Identifier: Apache-2.0
"""The benchmark harness: `command` chooses `runs` of `cases` against `peers`; `session` has each timed by `measure`
beside the machine's own `limit`, and keeps the rows; `tables`, `goals`, `plots` and `page` show them."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """``gridsample bench``; its parts are loaded when it is called, as every command's."""
    from gridsample.bench import command

    return command.main(arguments)
