# SPDX-License-Identifier: Apache-2.0
"""The command line: ``gridsample COMMAND ...``. Which commands there are, and what becomes of their errors.

A command is one row of COMMANDS and a function from its arguments to an exit code: 0 done, 1 some of it failed,
2 the call itself is wrong and nothing was done, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from gridsample.cli.parsing import CliError, did_you_mean
from gridsample.errors import GridSampleError

# name: (what it does, module:function). Modules are loaded when their command is called, so an optional package that
# one command needs is never in the way of another.
COMMANDS = {
    "warp": ("rotate, scale, shift, bend picture files: one sampling each", "gridsample.cli.warp:main"),
    "why": ("what is wrong with this sampling: findings in words and pictures", "gridsample.cli.why:main"),
    "studio": ("a page in the browser to try warps, see what why says, copy the code", "gridsample.cli.studio:main"),
    "info": ("versions, instruction sets, threads, backends", "gridsample.cli.info:main"),
    "bench": ("time against peers, interleaved in one run", "gridsample.bench:main"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; ``arguments`` are those after the program's name (None: the process's own). An exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    name = arguments[0] if arguments else None
    try:
        if name in ("-h", "--help"):
            print(_help())
            return 0
        if name == "--version":
            from importlib.metadata import version

            print(f"gridsample {version('gridsample')}")
            return 0
        if name not in COMMANDS:
            got = "none" if name is None else repr(name)
            hint = did_you_mean(name, COMMANDS) or "see gridsample --help"
            raise CliError(f"a command ({', '.join(COMMANDS)})", got, hint)
        module, function = COMMANDS[name][1].split(":")
        code: int = getattr(import_module(module), function)(arguments[1:])
        return code
    except GridSampleError as error:
        where = f"gridsample {name}" if name in COMMANDS else "gridsample"
        print(f"{where}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"gridsample {name}: interrupted", file=sys.stderr)
        return 130


def _help() -> str:
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:{width}}  {what}" for name, (what, _) in COMMANDS.items())
    more = "gridsample COMMAND --help says more; --version prints the version."
    return f"usage: gridsample COMMAND ...\n\n{rows}\n\n{more}"
