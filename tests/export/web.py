# SPDX-License-Identifier: Apache-2.0
"""ONNX files run by ONNX Runtime Web (wasm) in a Chromium without a window.

The browser is $CHROMIUM, or a `chromium` or `google-chrome` on the path, or Qt WebEngine (pip install PyQt6-WebEngine).
The package onnxruntime-web lies in $GRIDSAMPLE_WEB/node_modules, by default build/web: `make .venv-export/web` puts it
there. The page fetches every model from a server here, runs it, and posts what came out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("GRIDSAMPLE_WEB", ROOT / "build" / "web")) / "node_modules" / "onnxruntime-web"
PAGE = """<!doctype html><meta charset="utf-8"><script type="module">
import * as ort from "./ort.wasm.bundle.min.mjs";
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = "/";
const post = (path, body) => fetch(path, {method: "POST", body});
try {
  const jobs = await (await fetch("jobs.json")).json();
  for (const job of jobs) {
    try {
      const model = await (await fetch(job.model)).arrayBuffer();
      const session = await ort.InferenceSession.create(new Uint8Array(model), {executionProviders: ["wasm"]});
      const feeds = {};
      for (const [k, input] of job.inputs.entries()) {
        const data = new Float32Array(await (await fetch(input.file)).arrayBuffer());
        feeds[session.inputNames[k]] = new ort.Tensor("float32", data, input.shape);
      }
      const found = (await session.run(feeds))[session.outputNames[0]];
      await post(`answer/${job.name}/${found.dims.join(",")}`, found.data.slice().buffer);
      await session.release();
    } catch (error) { await post(`failed/${job.name}/-`, String(error)); }
  }
  await post("done/-/-", JSON.stringify({agent: navigator.userAgent, version: ort.env.versions.web}));
} catch (error) { await post("done/-/-", JSON.stringify({error: String(error)})); }
</script>"""


def missing() -> str | None:
    """What is not installed here, if anything."""
    if not (FOLDER / "dist" / "ort.wasm.bundle.min.mjs").is_file():
        return f"needs the npm package onnxruntime-web in {FOLDER.parent}"
    if _chromium() is None and util.find_spec("PyQt6") is None:
        return "needs a Chromium: pip install PyQt6-WebEngine, or $CHROMIUM"
    return None


def _chromium() -> str | None:
    found = (shutil.which(name) for name in ("chromium", "google-chrome", "chromium-browser"))
    return os.environ.get("CHROMIUM") or next((path for path in found if path), None)


def run(models: dict[str, tuple[bytes, Sequence[Any]]], seconds: float = 900) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first output of every model for its inputs, or the message it failed with; and who computed them.

    models: by name, the ONNX file's bytes and its float32 inputs.
    """
    if (lacking := missing()) is not None:
        raise RuntimeError(lacking)
    with tempfile.TemporaryDirectory() as folder:
        _lay_out(Path(folder), models)
        found: dict[str, Any] = {}
        about: dict[str, Any] = {}
        done = threading.Event()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder, found, about, done))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = subprocess.Popen(
            _command(f"http://127.0.0.1:{server.server_port}/index.html", folder),
            env=os.environ
            | {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox --disable-gpu"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(int(seconds * 2)):
                if done.wait(0.5) or browser.poll() is not None:
                    break
        finally:
            browser.terminate()
            browser.wait(30)
            server.shutdown()
            server.server_close()
    if not about or "error" in about:
        raise RuntimeError(
            f"the browser answered {len(found)} of {len(models)} models: {about.get('error', 'then no more')}"
        )
    return found, about


def _lay_out(folder: Path, models: dict[str, tuple[bytes, Sequence[Any]]]) -> None:
    jobs = []
    for number, (name, (model, inputs)) in enumerate(models.items()):
        (folder / f"{number}.onnx").write_bytes(model)
        files = []
        for k, value in enumerate(inputs):
            array = np.ascontiguousarray(value, np.float32)
            (folder / f"{number}-{k}.bin").write_bytes(array.tobytes())
            files.append({"file": f"{number}-{k}.bin", "shape": list(array.shape)})
        jobs.append({"name": name, "model": f"{number}.onnx", "inputs": files})
    (folder / "jobs.json").write_text(json.dumps(jobs))
    (folder / "index.html").write_text(PAGE)
    for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        shutil.copy(FOLDER / "dist" / name, folder / name)


def _handler(folder: str, found: dict[str, Any], about: dict[str, Any], done: threading.Event) -> Any:
    class Handler(SimpleHTTPRequestHandler):
        extensions_map = SimpleHTTPRequestHandler.extensions_map | {
            ".mjs": "text/javascript",
            ".wasm": "application/wasm",
        }

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=folder)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            from urllib.parse import unquote

            what, name, shape = unquote(self.path).strip("/").split("/")
            if what == "answer":
                found[name] = np.frombuffer(body, np.float32).reshape([int(n) for n in shape.split(",")])
            elif what == "failed":
                found[name] = body.decode()
            else:
                about.update(json.loads(body))
                done.set()
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    return Handler


def _command(url: str, folder: str) -> list[str]:
    chromium = _chromium()
    if chromium is not None:
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            f"--user-data-dir={folder}/profile",
        ]
        return [chromium, *flags, url]
    return [sys.executable, str(Path(__file__).resolve()), url]


def _open(url: str) -> None:
    """A window of Qt WebEngine that nobody sees, until this process is ended."""
    from PyQt6.QtCore import QUrl
    from PyQt6.QtWebEngineWidgets import QWebEngineView
    from PyQt6.QtWidgets import QApplication

    app = QApplication(sys.argv[:1])
    view = QWebEngineView()
    view.show()
    view.load(QUrl(url))
    sys.exit(app.exec())


if __name__ == "__main__":
    _open(sys.argv[1])
