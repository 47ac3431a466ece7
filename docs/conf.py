# SPDX-License-Identifier: Apache-2.0
"""The site: `make docs` builds it with warnings as errors into build/docs/html.

Pages are the Markdown files of this folder, as they are read on the web; the gallery is examples/ run in short form and
docs/choosing/ run as it is; the reference is made of the docstrings. Nothing is loaded from elsewhere.
"""

import importlib.metadata
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ.setdefault("MPLBACKEND", "Agg")

import docstrings  # noqa: E402
import programs  # noqa: E402

project = "gridsample"
author = "The gridsample authors"
copyright = author
release = importlib.metadata.version("gridsample")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinx_gallery.gen_gallery"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["choosing/*"]
default_role = "py:obj"
# What Sphinx would keep of the gallery's configuration holds functions.
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = f"gridsample {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_dark_style = "monokai"

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_mock_imports = ["coremltools"]  # whose exporter registers its lowerings when imported
autodoc_inherit_docstrings = False  # what torch.nn.Module says of forward is not about ours
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

sphinx_gallery_conf = {
    "examples_dirs": ["../examples", "choosing"],
    "gallery_dirs": ["executed/programs", "executed/choosing"],
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"(conf|programs|docstrings)\.py$",
    "within_subsection_order": "programs.Order",
    "image_scrapers": ["matplotlib", "programs.written"],
    "reset_argv": programs.Arguments(),
    "capture_repr": ("_repr_html_",),
    "abort_on_example_error": True,
    "default_thumb_file": str(HERE / "pictures" / "contact-sheet.jpg"),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 10**6,  # the machine is shared: times say little
}


def setup(app):
    app.connect("autodoc-process-docstring", docstrings.process)
    app.connect("autodoc-skip-member", docstrings.skip)
