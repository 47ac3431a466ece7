# SPDX-License-Identifier: Apache-2.0
"""The generated parts of docs/deploying.md, made from docs/deploying/*.json by `matrix.py`: no figure is typed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

TITLES = {
    "onnx": "ONNX Runtime",
    "onnx-opset-11": "ONNX Runtime, opset 11",
    "web": "ONNX Runtime Web",
    "openvino": "OpenVINO",
    "coreml": "Core ML, iOS16",
    "coreml-trace-iOS18": "Core ML, iOS18, traced",
    "litert": "LiteRT",
    "executorch": "ExecuTorch",
    "ncnn": "ncnn",
}
PART = re.compile(
    r"(<!-- GENERATED (\w+) by tests/export/matrix.py; do not edit\. -->\n).*?(<!-- END \2 -->)", re.DOTALL
)
Results = dict[str, dict[str, Any]]


def results(folder: Path) -> Results:
    kept = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    return {name: kept[name] for name in TITLES if name in kept}


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def number(x: float) -> str:
    return "0" if x == 0 else f"{x:.1e}".replace("e-0", "e-").replace("e+0", "e+")


def matrix(found: Results) -> str:
    """Every cell: how it is lowered, and its largest difference."""
    cells = list(next(iter(found.values()))["cells"])
    rows = []
    for cell in cells:
        axes, mode, padding, corners = cell.split()
        row = [f"{axes} {mode}", padding, corners]
        for result in found.values():
            entry = result["cells"][cell]
            row.append(
                entry["lowering"] + (f" {number(entry['difference'])}" if entry["lowering"] != "unsupported" else "")
            )
        rows.append(row)
    return table(["", "padding", "align_corners", *(TITLES[name] for name in found)], rows)


def summary(found: Results) -> str:
    """A row for each target: its versions, how many cells run, the largest differences."""
    rows = []
    for name, result in found.items():
        versions = ", ".join(
            f"{package} {version}" for package, version in result["versions"].items() if package != "torch"
        )
        if "browser" in result:
            chrome = re.search(r"(?:Headless)?Chrom\w+/[\d.]+", result["browser"])
            browser = chrome.group(0) if chrome else result["browser"]
            versions += f"; onnxruntime-web {result['onnxruntime-web']} (wasm) in {browser}"
        entries = result["cells"].items()
        ran = [(cell, entry) for cell, entry in entries if entry["lowering"] != "unsupported"]
        nearest = [entry["difference"] for cell, entry in ran if " nearest " in cell]
        others = [entry["difference"] for cell, entry in ran if " nearest " not in cell]
        below = [entry["decomposed"]["difference"] for _, entry in ran if "decomposed" in entry]
        networks = [entry.get("difference") for entry in result["networks"].values()]
        rows.append(
            [
                f"[{TITLES[name]}](deploying/{name}.json)",
                versions,
                f"{len(ran)} of {len(result['cells'])}",
                number(max(nearest)),
                number(max(others)),
                number(max(below)) if below else "",
                ", ".join("not run" if x is None else number(x) for x in networks),
            ]
        )
    rows += [[title, "not measured", *[""] * 5] for name, title in TITLES.items() if name not in found]
    head = ["target", "versions", "cells run", "nearest", "others", "decomposed where native is best", "networks"]
    return table(head, rows)


def sizes(found: Results) -> str:
    """Bytes and operations of native and decomposed files of some cells."""
    cells = ["2D nearest zeros False", "2D bilinear zeros False", "2D bicubic border False", "3D bilinear zeros False"]
    cells += ["3D bicubic border False"]
    rows = []
    for name, result in found.items():
        row = [TITLES[name]]
        for cell in cells:
            entry = result["cells"][cell]
            best = (
                f"{entry['lowering']} {entry['bytes'] / 1000:.1f} kB, {entry['operations']}"
                if "bytes" in entry
                else "—"
            )
            if "decomposed" in entry:
                two = entry["decomposed"]
                best += f"; decomposed {two['bytes'] / 1000:.1f} kB, {two['operations']}"
            row.append(best)
        rows.append(row)
    return table(["target", *(cell.removesuffix(" False") for cell in cells)], rows)


def speed(found: Results) -> str:
    rows = []
    for name, result in found.items():
        for row in result.get("speed", []):
            kinds, ms = row["lowerings"], row["ms"]
            figures = [f"{ms[0]:.1f} ms ({kinds[0]})", f"{ms[1]:.1f} ms ({kinds[1]})", f"{row['ratio']:.2f}"]
            rows.append([TITLES[name], row["case"], *figures])
    return table(["target", "case", "native", "decomposed", "ratio"], rows)


def opsets(found: Results) -> str:
    """ONNX Runtime at every opset: the lowerings of some cells, and the largest difference."""
    measured = found["onnx"]["opsets"]
    cells = list(next(iter(measured.values())))
    rows = []
    for opset, entries in measured.items():
        figures = [f"{entries[cell]['lowering']} {number(entries[cell]['difference'])}" for cell in cells]
        rows.append([opset, *figures])
    return table(["opset", *cells], rows)


PARTS = {"matrix": matrix, "summary": summary, "sizes": sizes, "speed": speed, "opsets": opsets}


def write(folder: Path, check: bool = False) -> int:
    """Exit code 1 if ``check`` and the page says something else than the results."""
    page, found = folder.with_suffix(".md"), results(folder)
    before = page.read_text(encoding="utf-8")
    after = PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]](found)}\n{part[3]}", before)
    if check:
        if after != before:
            print(f"expected {page} to say what {folder} says; run python tests/export/matrix.py", file=sys.stderr)
        return int(after != before)
    page.write_text(after, encoding="utf-8")
    return 0
