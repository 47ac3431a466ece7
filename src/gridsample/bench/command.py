# SPDX-License-Identifier: Apache-2.0
"""``gridsample bench``: our calls against a peer's, in one interleaved run, into a JSON file with a schema.

The exit code is 0 whatever the ratios are; 1 if results differed, so that something was not timed, or if --check found
another page; 2 if the call itself is wrong; 130 if interrupted. What was measured until then lies in FILE.partial.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gridsample.bench import page, report, tables
from gridsample.bench.cases import CASES, Case
from gridsample.bench.peers import PEERS
from gridsample.bench.runs import DTYPES, MODES, VERBS, Run, runs
from gridsample.bench.session import Session
from gridsample.errors import GridSampleError, OptionError

PEER_SETS = {"all": list(PEERS), "others": [name for name in PEERS if name != "torch"]}


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    try:
        if options.page:
            _need({"jsonschema": "jsonschema", "matplotlib": "matplotlib"})
            return page.write_page(check=options.check)
        chosen = _runs(options)
        if options.list:
            _list(chosen, options.peer)
            return 0
        _need({"jsonschema": "jsonschema", "tqdm": "tqdm"})
        peers = _installed(options.peer)
        outputs = _outputs(options.output, peers)
        if len(peers) > 1:
            return _each(peers, outputs, arguments)
        old = _old(options.compare) if options.compare else None
        if old and peers != [old["peer"]]:
            do = f"add --peer {old['peer']}" if old["peer"] in PEERS else "compare results of the same peer"
            raise OptionError("--compare", f"a result against {peers[0]}", f"one against {old['peer']}", do)
        command = shlex.join(["gridsample", "bench", *arguments])
        session = Session(peers[0], options.budget, command, outputs[0], options.minutes)
        if options.resume:
            session.resume()
        session.check_output()
    except GridSampleError as error:
        print(f"gridsample bench: {error}", file=sys.stderr)
        return 2
    return _measure(session, chosen, old)


def _each(peers: Sequence[str], outputs: Sequence[Path | None], arguments: Sequence[str]) -> int:
    """Each peer in a process of its own: the threads of one library would disturb another. The worst exit code."""
    code = 0
    for peer, output in zip(peers, outputs, strict=True):
        alone = [*arguments, "--peer", peer, *(["-o", str(output)] if output else [])]  # the last of an option counts
        program = "import sys; from gridsample.bench import main; sys.exit(main())"
        code = max(code, subprocess.run([sys.executable, "-c", program, *alone]).returncode)
        if code == 130:
            break
    return code


def _measure(session: Session, chosen: Sequence[Run], old: dict[str, Any] | None) -> int:
    """One peer, from its first run to its file; an exit code."""
    stopped = False
    try:
        session.run(chosen)
    except KeyboardInterrupt:
        stopped = True
    print(tables.plain(session.result))
    if old:
        print(f"\n{tables.compared(session.result, old)}")
    session.finish(stopped)
    return 130 if stopped else int(bool(session.result["wrong"]))


def _runs(options: argparse.Namespace) -> list[Run]:
    cases = [case for case in CASES if _matches(case, options.cases)]
    found = list(runs(cases, options.modes, options.verb, options.threads, options.dtypes))
    if not found:
        names = "; ".join(case.name for case in CASES)
        got = f"{options.cases!r} with modes {', '.join(options.modes)}"
        raise OptionError("--cases", f"a part of a case's name, or a pattern with *, of: {names}", got, "see --list")
    return found


def _matches(case: Case, pattern: str) -> bool:
    return fnmatchcase(case.name.lower(), pattern.lower()) or pattern.lower() in case.name.lower()


def _list(chosen: Sequence[Run], peers: Sequence[str]) -> None:
    for peer in (PEERS[name] for name in peers):
        print(f"{peer.name} ({peer.call}){_advice(peer.missing)}: {peer.can}")
        for run in chosen:
            reason = peer.refuse(run)
            print(f"  {run}{f': skipped, {reason}' if reason else ''}")


def _advice(missing: Sequence[str]) -> str:
    return f", not installed (pip install {' '.join(missing)})" if missing else ""


def _installed(names: Sequence[str]) -> list[str]:
    """Those that can be measured. One that is missing is an error if it was asked for alone, else it is said."""
    if len(names) == 1:
        _need(PEERS[names[0]].packages)
        return list(names)
    for name in names:
        if PEERS[name].missing:
            print(f"not measured: {name}{_advice(PEERS[name].missing)}", file=sys.stderr)
    found = [name for name in names if not PEERS[name].missing]
    if not found:
        do = f"run: pip install {' '.join(PEERS[names[0]].missing)}"
        raise OptionError("--peer", "one of them to be installed", "none of " + ", ".join(names), do)
    return found


def _need(packages: Mapping[str, str]) -> None:
    missing = [name for module, name in packages.items() if find_spec(module) is None]
    if missing:
        do = f"run: pip install {' '.join(missing)}"
        raise OptionError(
            "packages", f"{', '.join(packages.values())} to be installed", f"no {', no '.join(missing)}", do
        )


def _outputs(path: Path | None, peers: Sequence[str]) -> list[Path | None]:
    """A file for each peer: the one that is named, or one in the folder that is."""
    if path is None:
        return [None] * len(peers)
    if path.suffix != ".json":
        return [path / f"{peer}.json" for peer in peers]
    if len(peers) > 1:
        raise OptionError("--output", f"a folder for the results of {len(peers)} peers", str(path), "name a folder")
    return [path]


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
    add = parser.add_argument
    comma = "comma-separated; default"
    add("--peer", type=_peers, default=["torch"], help=f"of {', '.join(PEERS)}, or all, or others; {comma} torch")
    add("--cases", default="*", metavar="PATTERN", help="a part of a name, or a pattern: 'photo*'")
    add("--modes", type=_names(MODES), default=MODES, help=f"{comma} all")
    add("--verb", type=_names(VERBS), default=VERBS[:1], help=f"of {', '.join(VERBS)}; {comma} forward")
    add("--dtypes", type=_names(DTYPES), default=DTYPES[:1], help=f"of {', '.join(DTYPES)}; {comma} float32")
    add("--threads", type=_threads, default=[1], metavar="1,2", help=f"{comma} 1")
    add("--budget", type=_seconds, default=1.0, metavar="SECONDS", help="time for each run; default 1")
    add("--minutes", type=_seconds, metavar="MINUTES", help="time for all runs of a peer: each gets its share if less")
    add("-o", "--output", type=Path, metavar="PATH", help="write the result as JSON; a folder gets PEER.json")
    add("--resume", action="store_true", help="keep what is in the output already, from this machine and commit")
    add("--compare", type=Path, metavar="OLD.json", help="show the ratios beside those of that result")
    add("--page", action="store_true", help="write docs/benchmarks.md from bench/results, time nothing")
    add("--check", action="store_true", help="with --page: only say whether the page is in step")
    add("--list", action="store_true", help="show what would be run, and what each peer cannot do")
    return parser


def _peers(text: str) -> list[str]:
    return PEER_SETS.get(text) or list(_names(tuple(PEERS))(text))


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
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return seconds
