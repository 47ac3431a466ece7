# SPDX-License-Identifier: Apache-2.0
"""A page in the browser to try warps: the picture, the grid on it, the output, what why says, and the code to copy."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from gridsample.cli.parsing import CliError, Parser, whole_number


def main(arguments: Sequence[str]) -> int:
    """Serve until interrupted."""
    parser = Parser(
        "gridsample studio", usage="gridsample studio [IMAGE] [--port 5006] [--no-browser]", description=__doc__
    )
    parser.add_argument("image", metavar="IMAGE", nargs="?", help="a picture to begin with; the page can load others")
    parser.add_argument("--port", type=whole_number, default=5006)
    parser.add_argument("--no-browser", action="store_true", help="print the address, do not open it")
    given = parser.parse(arguments)
    missing = [name for name in ("panel", "matplotlib", "PIL") if find_spec(name) is None]
    if missing:
        raise CliError("panel, matplotlib and pillow", f"no {', '.join(missing)}", "pip install 'gridsample[studio]'")
    from gridsample.diagnose import studio

    image = None
    if given.image is not None:
        path = Path(given.image)
        if not path.is_file():
            raise CliError("a file that is there", f"'{given.image}'", "check the path", about="IMAGE")
        image = studio.read_picture(path.read_bytes())
    try:
        server = studio.serve(given.port, not given.no_browser, image)
    except OSError as error:
        raise CliError("a free port", f"{given.port} ({error})", "choose another", about="--port") from error
    print(f"gridsample studio: http://127.0.0.1:{given.port} (stop with Ctrl-C)", flush=True)
    server.start()
    server.io_loop.start()
    return 0
