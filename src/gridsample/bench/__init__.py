# SPDX-License-Identifier: Apache-2.0
"""The benchmark harness: `command` chooses the runs of `cases` against one of `peers`; `session` has each timed by
`measure` and keeps the rows; `tables` and `report` show them."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """``gridsample bench``; its parts are loaded when it is called, as every command's."""
    from gridsample.bench import command

    return command.main(arguments)
