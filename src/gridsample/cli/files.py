# SPDX-License-Identifier: Apache-2.0
"""Which file becomes which, decided and checked before any work; and files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from gridsample.cli.parsing import CliError, did_you_mean


@dataclass(frozen=True)
class Job:
    source: Path
    target: Path


@dataclass(frozen=True)
class Jobs:
    """All of the work, in order, and the folder that has to be made for it, if any."""

    jobs: list[Job]
    new_folder: Path | None = None


def plan_jobs(inputs: Sequence[str], output: str, endings: Collection[str], *, force: bool = False) -> Jobs:
    """What is read and where it goes. One file in: OUT is a file or a folder that is there. More: OUT is a folder."""
    sources = [source for text in inputs for source in _sources(text, endings)]
    out = Path(output)
    into_folder = out.is_dir() or len(sources) > 1 or any(Path(text).is_dir() for text in inputs)
    into_folder = into_folder or output.endswith(("/", os.sep))
    if not into_folder:
        jobs = [Job(sources[0], out)]
    elif not out.is_dir() and (out.exists() or out.suffix.lower() in endings):
        raise CliError(f"a folder for {len(sources)} pictures", f"'{output}'", "name a folder", about="-o")
    else:
        jobs = [Job(source, out / source.name) for source in sources]
    for job in jobs:
        if job.target.suffix.lower() not in endings:
            do = did_you_mean(job.target.suffix.lower(), endings) or "change the name's ending"
            raise CliError(f"a name ending in {', '.join(endings)}", f"'{job.target}'", do, about="-o")
    _check_distinct(jobs, force)
    parent = out.absolute().parent if not out.is_dir() else out
    if not parent.is_dir():
        raise CliError("a folder that is there", f"'{parent}'", "make it first", about="-o")
    if not os.access(parent, os.W_OK):
        raise CliError("a folder that can be written to", f"'{parent}'", "change its permissions", about="-o")
    return Jobs(jobs, out if into_folder and not out.is_dir() else None)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under another name in the same folder, then give it its own: no reader ever sees half of it.

    A link is followed, an old file's permissions are kept, and whatever goes wrong leaves the old file as it was.
    """
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else a crash may keep the new name and lose the contents
        if path.exists():
            os.chmod(temporary, path.stat().st_mode & 0o7777)
        os.replace(temporary, path)
    except BaseException:  # KeyboardInterrupt too
        temporary.unlink(missing_ok=True)
        raise


def _sources(text: str, endings: Collection[str]) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in endings and p.is_file())
        if not found:
            expected = f"a folder with pictures ({', '.join(endings)})"
            raise CliError(expected, f"'{text}' without any", "check the folder")
        return found
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise CliError("an input that is there", f"'{text}'", did_you_mean(path.name, siblings) or "check the path")
    return [path]


def _check_distinct(jobs: Sequence[Job], force: bool) -> None:
    taken: dict[str, Path] = {}
    for job in jobs:
        key = job.target.name.casefold()  # two names that differ only in case are one file on some systems
        if key in taken:
            got = f"'{job.target.name}' from '{taken[key]}' and from '{job.source}'"
            raise CliError("inputs with different file names", got, "warp them into different folders")
        taken[key] = job.source
    if not force:
        for target in (job.target for job in jobs if job.target.exists()):
            if any(target.samefile(job.source) for job in jobs):
                raise CliError(
                    "outputs apart from the inputs", f"'{target}'", "name another or add --force", about="-o"
                )
