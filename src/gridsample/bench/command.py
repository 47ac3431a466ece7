# SPDX-License-Identifier: Apache-2.0
"""``gridsample bench``: our calls against a peer's, in one interleaved run, into a JSON file with a schema.

The exit code is 0 whatever the ratios are; 1 if results differed, so that something was not timed, or if --check found
another page; 2 if the call itself is wrong; 130 if interrupted. What was measured until then lies in FILE.partial.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gridsample.bench import report, tables
from gridsample.bench.cases import CASES, Case, Run
from gridsample.bench.peers import PEERS
from gridsample.bench.session import Session
from gridsample.errors import GridSampleError, OptionError

MODES, VERBS = ("nearest", "bilinear", "bicubic"), ("forward", "backward")


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    try:
        if options.page:
            _need(("jsonschema",))
            return report.write_page(check=options.check)
        runs = list(_runs(options))
        if options.list:
            _list(runs, options.peer)
            return 0
        _need((PEERS[options.peer].package, "jsonschema", "tqdm"))
        old = _old(options.compare) if options.compare else None
        if old and old["peer"] != options.peer:
            do = f"add --peer {old['peer']}" if old["peer"] in PEERS else "compare results of the same peer"
            raise OptionError("--compare", f"a result against {options.peer}", f"one against {old['peer']}", do)
        session = Session(options.peer, options.budget, shlex.join(["gridsample", "bench", *arguments]), options.output)
        session.check_output()
    except GridSampleError as error:
        print(f"gridsample bench: {error}", file=sys.stderr)
        return 2
    try:
        session.run(runs)
        stopped = False
    except KeyboardInterrupt:
        stopped = True
    print(tables.plain(session.result))
    if old:
        print(f"\n{tables.compared(session.result, old)}")
    session.finish(stopped)
    return 130 if stopped else int(bool(session.result["wrong"]))


def _runs(options: argparse.Namespace) -> Iterable[Run]:
    chosen = [case for case in CASES if _matches(case, options.cases)]
    runs = [
        Run(case, mode, padding, verb, threads)
        for verb in options.verb
        for threads in options.threads
        for case in chosen
        for mode in case.modes
        if mode in options.modes
        for padding in case.paddings
    ]
    if not runs:
        names = "; ".join(case.name for case in CASES)
        got = f"{options.cases!r} with modes {', '.join(options.modes)}"
        raise OptionError("--cases", f"a part of a case's name, or a pattern with *, of: {names}", got, "see --list")
    return runs


def _matches(case: Case, pattern: str) -> bool:
    return fnmatchcase(case.name.lower(), pattern.lower()) or pattern.lower() in case.name.lower()


def _list(runs: Sequence[Run], peer: str) -> None:
    for run in runs:
        reason = PEERS[peer].refuse(run)
        print(f"{run}{f': skipped, {reason}' if reason else ''}")


def _need(packages: Sequence[str]) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        do = f"run: pip install {' '.join(missing)}"
        raise OptionError("packages", f"{', '.join(packages)} to be installed", f"no {', no '.join(missing)}", do)


def _old(path: Path) -> dict[str, Any]:
    try:
        return report.read(path)
    except (OSError, ValueError) as error:
        expected, do = "a result file of gridsample bench", "name one that `gridsample bench -o FILE` wrote"
        raise OptionError("--compare", expected, f"{path} ({error})", do) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gridsample bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", choices=sorted(PEERS), default="torch", help="whom to compare with; default torch")
    parser.add_argument("--cases", default="*", metavar="PATTERN", help="a part of a name, or a pattern: 'photo*'")
    parser.add_argument("--modes", type=_names(MODES), default=MODES, help="comma-separated; default all")
    parser.add_argument("--verb", type=_names(VERBS), default=VERBS[:1], help="forward, backward or both with a comma")
    parser.add_argument("--threads", type=_threads, default=[1], metavar="1,2", help="comma-separated; default 1")
    parser.add_argument("--budget", type=_seconds, default=1.0, metavar="SECONDS", help="time for each row; default 1")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the result as JSON")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="show the ratios beside those of that result")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md from bench/results, time nothing")
    parser.add_argument("--check", action="store_true", help="with --page: only say whether the page is in step")
    parser.add_argument("--list", action="store_true", help="show what would be run")
    return parser


def _names(allowed: Sequence[str]) -> Any:
    def parse(text: str) -> list[str]:
        wrong = [part for part in text.split(",") if part not in allowed]
        if wrong:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(allowed)}, got {', '.join(wrong)}")
        return list(dict.fromkeys(text.split(",")))

    return parse


def _threads(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"expected whole numbers of at least 1, as in 1,2; got {text}")
    return list(dict.fromkeys(map(int, parts)))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text}")
    return seconds
