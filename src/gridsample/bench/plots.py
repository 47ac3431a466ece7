# SPDX-License-Identifier: Apache-2.0
"""The pictures of the page: for each result file and way one bar per case, red where we lose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gridsample.bench import tables
from gridsample.bench.tables import Row

WIN, LOSS, LIMIT = ("#9ecae1", "#3182bd"), ("#fcae91", "#cb181d"), ("#bdbdbd", "#636363")  # one thread, two
MODE = "bilinear"  # the pictures show this; the tables have the rest


def names(result: dict[str, Any], source: Path) -> dict[str, list[Row]]:
    """File names of the pictures of a result, and the rows that each shows."""
    rows = [row for row in result["rows"] if row["mode"] == MODE]
    found = {
        f"bench-{source.stem}-{verb}.svg": ways for verb, ways in tables.grouped(rows, lambda row: row["verb"]).items()
    }
    limited = [row for row in rows if row.get("smooth") and row["verb"] == "forward" and "limit_ms" in row]
    if limited and result["peer"] == "torch":  # ours are the same beside every peer
        found[f"bench-{source.stem}-limit.svg"] = limited
    return found


def draw(result: dict[str, Any], source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in names(result, source).items():
        over = name.endswith("-limit.svg")
        title = "time over the streaming limit" if over else f"times faster than {result['peer']}, {rows[0]['verb']}"
        _bars(rows, over, f"{title} ({MODE}, geometric mean over paddings)", folder / name)


def _bars(rows: Sequence[Row], over: bool, title: str, path: Path) -> None:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter

    cases = list(tables.grouped(rows, tables.case_text))
    threads = sorted({row["threads"] for row in rows})[:2]
    figure = Figure(figsize=(8, 1.2 + 0.3 * len(cases)), layout="constrained")
    axes = figure.add_subplot()
    thick = 0.8 / len(threads)
    for place, count in enumerate(threads):
        for at, case in enumerate(cases):
            members = [row for row in rows if tables.case_text(row) == case and row["threads"] == count]
            values = [value for row in members if (value := tables.over_limit(row) if over else row["ratio"])]
            if not values:
                continue
            value = tables.geometric_mean(values)
            colour = (LIMIT if over else WIN if value >= 1 else LOSS)[place]
            y = at + (place - (len(threads) - 1) / 2) * thick
            axes.barh(y, value - 1, thick, left=1, color=colour)
            axes.annotate(
                f"{value:.2f}",
                (value, y),
                (3 if value >= 1 else -3, 0),
                textcoords="offset points",
                va="center",
                ha="left" if value >= 1 else "right",
                fontsize=6,
            )
    axes.set_xscale("log")
    ticks = FuncFormatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_major_formatter(ticks)
    axes.xaxis.set_minor_formatter(ticks)
    axes.tick_params(axis="x", which="both", labelsize=7)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(cases)), cases, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(title, fontsize=9)
    shades = LIMIT if over else WIN
    labels = [f"{count} thread{'s' * (count != 1)}" for count in threads]
    axes.legend(handles=[Patch(color=c, label=t) for c, t in zip(shades, labels, strict=False)], fontsize=7)
    # no date and no random names, so that the same results draw the same file
    with matplotlib.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none"}):
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(path, metadata={"Date": None})
