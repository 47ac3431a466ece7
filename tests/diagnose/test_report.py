# SPDX-License-Identifier: Apache-2.0
"""Reports: the sum behind a pixel, the pictures, the page, the notebook's view."""

from __future__ import annotations

import io
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import gridsample as gs

RNG = np.random.default_rng(3)
IMAGE = RNG.random((1, 2, 7, 9), dtype=np.float32)
POINTS = RNG.uniform(-1.6, 1.6, (1, 5, 6, 2)).astype("f4")
SIZES = {1: (12,), 2: (11, 14), 3: (5, 6, 7)}


def wrong(axes):
    image = np.random.default_rng(4).random((1, 3, *SIZES[axes]), dtype=np.float32)
    index = np.meshgrid(*(np.arange(float(n)) for n in SIZES[axes]), indexing="ij")
    return image, np.stack(index[::-1], -1)[None].astype("f4")


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [False, True])
def test_the_sum_is_the_pixel(mode, padding, corners):
    report = gs.why(IMAGE, POINTS, mode, padding, corners)
    out = gs.grid_sample(IMAGE, POINTS, mode, padding, corners)
    for y, x in ((0, 0), (2, 3), (4, 5), (-1, -2)):
        pixel = report.pixel(y, x)
        weights = np.array([weight for _, weight in pixel.taps]).reshape(-1, 1)
        np.testing.assert_allclose((weights * pixel.values).sum(0), out[0, :, y, x], atol=2e-5)
        np.testing.assert_array_equal(pixel.result, out[0, :, y, x])
        assert abs(weights.sum() + pixel.lost - 1) < 1e-6
        if padding == "border":
            assert abs(pixel.lost) < 1e-6
        for index, _ in pixel.taps:
            np.testing.assert_array_equal(
                IMAGE[(0, slice(None), *index)], pixel.values[[i for i, _ in pixel.taps].index(index)]
            )


def test_a_pixel_prints_its_sum():
    image = np.arange(16, dtype="f4").reshape(1, 1, 4, 4)
    text = str(gs.why(image, np.array([[[[0.5, 0.0]]]], "f4")).pixel(0, 0))
    assert text.splitlines() == [
        "output [0, 0, 0]: grid says x=0.5, y=0; that is pixel position x=2.5, y=1.5",
        "  +0.25000 * image[1, 2] = +0.25000 * 6",
        "  +0.25000 * image[1, 3] = +0.25000 * 7",
        "  +0.25000 * image[2, 2] = +0.25000 * 10",
        "  +0.25000 * image[2, 3] = +0.25000 * 11",
        "= 8.5",
    ]
    beyond = str(gs.why(image, np.array([[[[1.0, 3.0]]]], "f4")).pixel(0, 0))
    assert "no tap lies in the image" in beyond


@pytest.mark.parametrize("at", [(5, 0), (0,), (0, 0, 0)])
def test_a_pixel_that_is_not_there(at):
    with pytest.raises(gs.GridSampleError, match="rows before columns"):
        gs.why(IMAGE, POINTS).pixel(*at)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", ["points", "compare", "arrows", "ruler", "jacobian", "pixel"])
def test_every_picture_of_every_number_of_axes(axes, kind):
    pytest.importorskip("matplotlib")
    from PIL import Image

    report = gs.why(*wrong(axes), expected=wrong(axes)[0])
    with Image.open(io.BytesIO(report.picture(kind))) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 200
        assert len(np.unique(np.asarray(picture.convert("L")))) > 20  # something is drawn


def test_pictures_show_what_they_say():
    pytest.importorskip("matplotlib")
    from PIL import Image

    def red(report):
        with Image.open(io.BytesIO(report.picture("points"))) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        return int(((pixels[..., 0] > 180) & (pixels[..., 1] < 90) & (pixels[..., 2] < 90)).sum())

    image = np.full((1, 1, 20, 20), 0.5, "f4")
    theta = np.eye(2, 3, dtype="f4")[None]
    inside = gs.affine_grid(0.9 * theta, image.shape)
    assert red(gs.why(image, inside)) == 0
    assert red(gs.why(image, 2 * inside)) > 200


def test_unknown_pictures_are_refused():
    with pytest.raises(gs.GridSampleError, match="did you mean 'arrows'"):
        gs.why(IMAGE, POINTS).picture("arrow")


class Links(HTMLParser):
    """Whatever a page would load, and whether its tags close."""

    def __init__(self):
        super().__init__()
        self.loads, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in ("src", "href") and not v.startswith("data:")]
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_alone(tmp_path):
    pytest.importorskip("matplotlib")
    report = gs.why(*wrong(2), expected=wrong(2)[0])
    path = report.save(tmp_path / "r.html")
    page = path.read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.loads == []
    assert links.open == []
    assert "http" not in re.sub(r'src="data:[^"]*"', "", page)
    assert page.startswith("<!doctype html>")
    for finding in report:
        assert finding.title.split(":")[0] in page
    assert page.count("data:image/png;base64,") >= 3
    assert "One output pixel taken apart" in page
    assert report._repr_html_() in page  # what a notebook shows is the page without its frame


def test_angle_brackets_are_escaped():
    pytest.importorskip("matplotlib")
    page = gs.why(IMAGE, 3 * POINTS).html()
    assert "x &gt; 1" in page


@pytest.mark.parametrize("name", ["r.pdf", "nowhere/r.html"])
def test_where_a_page_cannot_be_written(name, tmp_path):
    with pytest.raises(gs.GridSampleError, match=r"save: expected .*, got .*; "):
        gs.why(IMAGE, POINTS).save(tmp_path / name)


def test_without_matplotlib_the_words_remain(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    report = gs.why(*wrong(2))
    with pytest.raises(gs.GridSampleError, match=r"pip install 'gridsample\[viz\]'"):
        report.picture("points")
    page = report.html()
    assert "No pictures: " in page
    assert page.count("No pictures: ") == 1
    assert "Pixel coordinates passed as normalised" in page
