# SPDX-License-Identifier: Apache-2.0
"""How the gallery runs the programs of examples/: in short form, and which files are their pictures.

They are the programs that a reader runs, not copies. At full length they are run by `make gallery`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst

FOLDER = Path(__file__).resolve().parents[1] / "build" / "docs" / "pictures"
HERE = "../build/docs/pictures"  # the same, from where the programs run

# The arguments of the short form, and the order of the pages.
SHORT: dict[str, list[str]] = {
    "demo.py": ["-o", HERE, "--width", "320", "--dpi", "80", "--rounds", "3"],
    "registration.py": ["-o", HERE, "--width-px", "93", "--spacing-px", "8", "--steps", "25"],
    "homography_refinement.py": ["-o", HERE, "--trials", "2"],
    "rectification.py": ["-o", HERE, "--steps", "10"],
    "panorama.py": ["-o", HERE, "--width-px", "480"],
    "digits_transformer.py": ["--epochs", "15", "--picture", f"{HERE}/digits.png"],
    "augmentation_speed.py": ["--batch", "2", "--size-px", "64", "--rounds", "3"],
}
CHOOSING = ["frames.py", "kernels.py", "boundaries.py", "report.py"]


class Arguments:
    """What stands in sys.argv behind the program's name."""

    def __call__(self, gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for old in FOLDER.iterdir():
            old.unlink()
        return SHORT.get(Path(script_vars["src_file"]).name, [])

    def __repr__(self) -> str:  # the same for every build: what has not changed is not run again
        return "Arguments"


class Order:
    """The order of the pages, by file name."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> int:
        return [*SHORT, *CHOOSING].index(name)  # a program without a row here fails the build


def written(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Pictures that a program has written, rather than shown."""
    paths = []
    for picture in sorted(FOLDER.glob("*.png")) if FOLDER.is_dir() else []:
        target = Path(next(block_vars["image_path_iterator"]))
        shutil.move(picture, target)
        paths.append(str(target))
    return figure_rst(paths, gallery_conf["src_dir"])
