# SPDX-License-Identifier: Apache-2.0
"""`gridsample warp IN... -o OUT`: every picture read, sampled once, written whole."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

import gridsample as gs
from gridsample.cli.files import Job, plan_jobs, write_whole
from gridsample.cli.options import Options, parse
from gridsample.cli.parsing import CliError
from gridsample.cli.pictures import ENDINGS, check_installed, check_storable, encode, read
from gridsample.cli.resample import resample
from gridsample.errors import GridSampleError


def main(arguments: Sequence[str]) -> int:
    """Warp what the arguments ask for. Exit code: 0 all done, 1 something failed; CliError: nothing was begun."""
    options = parse(arguments)
    check_installed()
    plan = plan_jobs(options.inputs, options.output, ENDINGS, force=options.force)
    if options.threads is not None:
        gs.set_num_threads(options.threads)
    if plan.new_folder is not None:
        plan.new_folder.mkdir()
    try:
        return _run(plan.jobs, options)
    finally:
        if plan.new_folder is not None:
            with suppress(OSError):  # not empty: the usual case
                plan.new_folder.rmdir()


def _run(jobs: Sequence[Job], options: Options) -> int:
    from tqdm import tqdm  # type: ignore[import-untyped]

    shown = sys.stderr.isatty() and len(jobs) > 1 if options.progress is None else options.progress
    failures = 0
    with tqdm(jobs, unit="picture", file=sys.stderr, disable=not shown) as bar:
        for job in bar:
            try:
                _warp(job, options)
            except (GridSampleError, OSError, MemoryError) as error:
                if len(jobs) == 1 and isinstance(error, GridSampleError):
                    raise
                failures += 1
                bar.write(f"gridsample warp: {_worded(error, job)}", file=sys.stderr)
    if failures and len(jobs) > 1:
        done = len(jobs) - failures
        print(f"gridsample warp: {failures} of {len(jobs)} pictures failed, {done} written", file=sys.stderr)
    return 1 if failures else 0


def _warp(job: Job, options: Options) -> None:
    picture = read(job.source)
    check_storable(picture, job.target)
    height, width = picture.pixels.shape[:2]
    where = options.map_for((width, height))
    write_whole(job.target, encode(resample(picture, where, options.reading), job.target))


def _worded(error: Exception, job: Job) -> str:
    if isinstance(error, GridSampleError):
        text = str(error)
        return text if str(job.source) in text or str(job.target) in text else f"'{job.source}': {text}"
    if isinstance(error, MemoryError):
        return str(CliError("enough memory", "less than the picture needs", "cut it into parts", f"'{job.source}'"))
    got = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return str(CliError("to write the file", got, "check the disk and its permissions", f"'{job.target}'"))
