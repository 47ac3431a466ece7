# SPDX-License-Identifier: Apache-2.0
"""The studio: what it shows, the code it gives, and the page itself in a Chromium without a window."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gridsample as gs
from gridsample.cli import main
from gridsample.diagnose.recipes import FRAMES, Recipe

RECIPES = [
    Recipe(),
    Recipe(rotate_deg=25, zoom=1.4, right_px=6, down_px=-3.5),
    Recipe(rotate_deg=-70, lens=0.2, wave_px=3, mode="bicubic", padding_mode="reflection"),
    Recipe(
        rotate_deg=7,
        zoom=0.73,
        frame="corners",
        align_corners=True,
        padding_mode="reflection",
        mode="nearest",
        right_px=0.3,
    ),
    Recipe(rotate_deg=10, frame="corners", align_corners=True, mode="catmull_rom", padding_mode="wrap"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_the_three_codes_give_the_same_picture(recipe):
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(0).random((1, 3, 30, 44), dtype=np.float32)
    results = []
    for library in ("numpy", "gridsample", "torch"):
        names = {"image": torch.from_numpy(image) if library == "torch" else image}
        exec(recipe.code(library), names)
        results.append(np.asarray(names["out"]))
    assert results[0].shape == image.shape
    away = np.abs(results[0] - results[1]) > 1e-3
    assert away.mean() < (0.02 if recipe.mode == "nearest" else 0.002)  # pixels on ties and edges round differently
    np.testing.assert_allclose(results[2], results[0], atol=1e-3)


def test_the_map_does_what_its_words_say():
    image = np.zeros((1, 1, 21, 31), np.float32)
    image[0, 0, 10, 18] = 1  # three right of the middle
    for recipe, place in (
        (Recipe(right_px=4), (10, 22)),
        (Recipe(down_px=5), (15, 18)),
        (Recipe(zoom=2), (10, 21)),
        (Recipe(rotate_deg=90), (7, 15)),  # counter-clockwise: to the top
    ):
        out = gs.grid_sample(image, recipe.grid(image).astype(np.float32))
        assert np.unravel_index(out[0, 0].argmax(), out.shape[2:]) == place


@pytest.mark.parametrize("frame", sorted(FRAMES))
def test_a_wrong_frame_is_found(frame):
    image = np.random.default_rng(1).random((1, 3, 40, 50), dtype=np.float32)
    recipe = Recipe(frame=frame)
    report = gs.why(image, recipe.grid(image))
    found = {"edges": "", "corners": "align_corners", "pixel": "pixel_coordinates", "unit": "unit_coordinates"}
    assert report.first == found[frame]


def test_widgets_change_what_is_shown():
    pytest.importorskip("panel")
    from gridsample.diagnose.studio import Studio, sample_picture

    studio = Studio()
    assert "Nothing found" in studio.findings.object
    before = studio.source.object
    studio.widgets["frame"].value = "corners"
    assert "align_corners differs" in studio.findings.object
    studio.widgets["align_corners"].value = True
    assert "Nothing found" in studio.findings.object
    assert "align_corners=True" in studio.code.value
    studio.library.value = "gridsample"
    assert "gs.sample(" in studio.code.value
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (900, 300), (200, 10, 10)).save(buffer, "PNG")
    studio.file.value = buffer.getvalue()
    assert studio.image.shape == (1, 3, 171, 512)
    assert studio.source.object != before
    studio.file.value = b"no picture"
    assert "expected a picture file" in studio.findings.object
    assert sample_picture().shape == (1, 3, 160, 240)


def test_what_the_command_refuses(capsys, tmp_path, monkeypatch):
    pytest.importorskip("panel")
    assert main(["studio", str(tmp_path / "no.png")]) == 2
    assert "IMAGE: expected a file that is there" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "panel", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("gridsample.cli.studio.find_spec", lambda name: None)
    assert main(["studio"]) == 2
    assert "pip install 'gridsample[studio]'" in capsys.readouterr().err


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


CHOOSE = """
((index, value) => {{ const s = deep('select')[index]; s.value = value;
  s.dispatchEvent(new Event('change', {{bubbles: true}})); return s.value; }})({}, '{}');
"""
TEXT = "[deep('.gs-why').map(e => e.innerText).join(' '), deep('textarea').map(e => e.value).join(' ')].join('|||')"


def test_the_page_in_a_browser(tmp_path):
    pytest.importorskip("panel")
    if importlib.util.find_spec("PyQt6") is None or importlib.util.find_spec("PyQt6.QtWebEngineWidgets") is None:
        pytest.skip("needs PyQt6-WebEngine: pip install 'gridsample[browser]'")
    port = _free_port()
    start = "import sys; from gridsample.cli import main; sys.exit(main(sys.argv[1:]))"
    server = subprocess.Popen([sys.executable, "-c", start, "studio", "--no-browser", "--port", str(port)])
    try:
        for _ in range(120):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        handle = "(() => { const h = deep('.noUi-handle')[0]; h.focus(); for (let i = 0; i < 3; i++) "
        key = "h.dispatchEvent(new KeyboardEvent('keydown', {key: 'Right', bubbles: true})); return 1; })()"
        shots = [str(tmp_path / f"{name}.png") for name in ("first", "wrong", "turned")]
        steps = [
            ["document.title", f"deep('.noUi-handle').length && {TEXT}.includes('Nothing found.')", None],
            [TEXT, "true", shots[0]],
            [CHOOSE.format(0, "pixel"), f"{TEXT}.includes('Pixel coordinates passed as normalised')", None],
            [TEXT, "true", shots[1]],
            [CHOOSE.format(0, "edges"), f"{TEXT}.includes('Nothing found.')", None],
            [handle + key, f"{TEXT}.includes('radians(3)')", None],
            [TEXT, "true", shots[2]],
            ["performance.getEntriesByType('resource').map(e => new URL(e.name).host).join(' ')", "true", None],
        ]
        (tmp_path / "steps.json").write_text(json.dumps(steps))
        driver = [sys.executable, str(Path(__file__).with_name("browse.py")), f"http://127.0.0.1:{port}"]
        files = [str(tmp_path / "steps.json"), str(tmp_path / "answers.json")]
        ran = subprocess.run([*driver, *files], timeout=330, capture_output=True, text=True, check=False)
        if not (tmp_path / "answers.json").exists():
            if "error while loading shared libraries" in ran.stderr or "ImportError" in ran.stderr:
                pytest.skip(f"Qt WebEngine does not start here: {ran.stderr.splitlines()[-1]}")
            raise AssertionError(ran.stderr[-2000:])
        answers = json.loads((tmp_path / "answers.json").read_text())
    finally:
        server.terminate()
        server.wait(20)
    assert "Nothing found." in answers[1]
    assert answers[2] == "pixel"
    assert "Pixel coordinates passed as normalised" in answers[3]
    assert "torch.stack([px, py]" in answers[3]
    assert answers[4] == "edges"
    assert "radians(3)" in answers[6]
    assert "Pixel coordinates" not in answers[6]
    assert set(answers[7].split()) <= {f"127.0.0.1:{port}"}  # nothing is loaded from anywhere else
    from PIL import Image

    for shot in shots:
        with Image.open(shot) as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 50
    if os.environ.get("GRIDSAMPLE_SHOTS"):  # to look at
        for shot in shots:
            (Path(os.environ["GRIDSAMPLE_SHOTS"]) / Path(shot).name).write_bytes(Path(shot).read_bytes())
