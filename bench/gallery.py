# SPDX-License-Identifier: Apache-2.0
"""The programs of examples/ at full length: what they print, and their pictures, for docs/gallery.md.

    python bench/gallery.py                    all: bench/results/gallery, docs/pictures, the tables in docs/gallery.md
    python bench/gallery.py --only panorama    some
    python bench/gallery.py --page             no program: the tables in docs/gallery.md again, from the results

Each runs in a process of its own, so that it begins as it does for a reader. It needs gridsample[docs], which
`make gallery` has.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "gallery"
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "pictures"
PACKAGES = ("gridsample", "numpy", "torch", "kornia", "scikit-image", "scikit-learn")

# What a reader types, and the picture it writes: {folder} is the folder named with -o.
PROGRAMS: dict[str, tuple[str, str | None]] = {
    "registration": ("examples/registration.py -o {folder}", "registration.png"),
    "homography": ("examples/homography_refinement.py -o {folder}", "homography.png"),
    "rectification": ("examples/rectification.py -o {folder}", "rectification.png"),
    "panorama": ("examples/panorama.py -o {folder}", "panorama.png"),
    "digits": ("examples/digits_transformer.py --epochs 15 --picture {folder}/digits.png", "digits.png"),
    "augmentation": ("examples/augmentation_speed.py", None),
}


def run(name: str) -> dict[str, Any]:
    """One program: its command, what it printed, how long it took, and on what."""
    from gridsample.bench.machine import describe, load

    command, picture = PROGRAMS[name]
    with tempfile.TemporaryDirectory() as folder:
        words = command.format(folder=folder).split()
        about = describe(PACKAGES)
        start = time.perf_counter()
        ran = subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        seconds = time.perf_counter() - start
        if picture is not None:
            keep(Path(folder) / picture, name)
    return {
        "program": name,
        "command": "python " + command.format(folder="gallery"),
        "date": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        "seconds": round(seconds, 1),
        "machine": about | {"load_after": load()},
        "printed": [line for line in ran.stdout.splitlines() if not line.startswith("wrote ")],
    }


def keep(picture: Path, name: str) -> None:
    """The picture as the page shows it: photographs as JPEG, the digits' few grey pixels as they are."""
    from PIL import Image

    with Image.open(picture) as opened:
        if name == "digits":
            opened.save(PICTURES / f"gallery-{name}.png", optimize=True)
        else:
            opened.convert("RGB").save(PICTURES / f"gallery-{name}.jpg", quality=85)


def page(text: str) -> str:
    """docs/gallery.md with the text block behind each ``<!-- result: NAME -->`` replaced by that program's result."""

    def block(match: re.Match[str]) -> str:
        found = json.loads((RESULTS / f"{match[1]}.json").read_text(encoding="utf-8"))
        printed = "\n".join(found["printed"])
        about = f"{found['date']}, {found['seconds']:.0f} s, load {found['machine']['load']}"
        link = f"[{match[1]}.json](../bench/results/gallery/{match[1]}.json)"
        return f"<!-- result: {match[1]} -->\n```text\n{printed}\n```\n\n{link}: {about}."

    shape = r"<!-- result: (\w+) -->(?:\n```text\n.*?\n```\n\n\[\w+\.json\]\([^)]*\): [^\n]*)?"
    return re.sub(shape, block, text, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--page", action="store_true", help="write the page alone")
    asked = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in [] if asked.page else asked.only:
        print(f"python {PROGRAMS[name][0].format(folder='gallery')}", flush=True)
        found = run(name)
        print("\n".join(found["printed"]), f"({found['seconds']} s)", flush=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
