# SPDX-License-Identifier: Apache-2.0
"""Watching torch programs: the lines that sample, what is found at each, and that the program is left alone."""

from __future__ import annotations

import linecache

import numpy as np
import pytest

import gridsample as gs

torch = pytest.importorskip("torch")
F = torch.nn.functional
from torch.nn.functional import grid_sample as imported_by_name  # noqa: E402

IMAGE = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))


class Transformer(torch.nn.Module):
    def __init__(self, built, sampled):
        super().__init__()
        self.theta = torch.nn.Parameter(torch.tensor([[[0.9, 0.1, 0.0], [0.0, 0.9, 0.1]]]))
        self.built, self.sampled = built, sampled

    def forward(self, x):
        grid = F.affine_grid(self.theta.expand(len(x), 2, 3), x.shape, align_corners=self.built)
        return imported_by_name(x, grid, align_corners=self.sampled)


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("sampled", [False, True])
def test_align_corners_is_compared_and_not_guessed(built, sampled):
    model = Transformer(built, sampled)
    seen = gs.why(model, IMAGE)
    torch.testing.assert_close(seen.result, model(IMAGE), rtol=0, atol=0)
    assert len(seen) == 1
    assert seen.ok == (built == sampled)
    if built != sampled:
        finding = seen.sites[0].report.findings[0]
        assert (finding.name, finding.severity) == ("align_corners", "error")
        assert f"affine_grid at {__file__}" in finding.seen
        assert seen.sites[0].source in linecache.getline(__file__, seen.sites[0].line)


def test_a_block_and_its_sites():
    model = Transformer(False, False)
    with gs.why() as seen:
        for _ in range(9):
            model(IMAGE)
        x, y = torch.meshgrid(torch.arange(24.0), torch.arange(16.0), indexing="xy")
        F.grid_sample(IMAGE[:1], torch.stack([x, y], -1)[None], align_corners=False)
    F.grid_sample(IMAGE, torch.zeros(2, 4, 4, 2), align_corners=False)  # after the block: not seen
    first, second = seen
    assert (first.calls, first.looked, first.function) == (9, 4, "forward")
    assert first.report.ok
    assert second.report.first == "pixel_coordinates"
    assert second.times["pixel_coordinates"] == 1
    assert not seen.ok
    text = str(seen)
    assert "[site 2]" in text
    assert "Pixel coordinates passed as normalised" in text


def test_a_detached_grid():
    theta = torch.eye(2, 3)[None].requires_grad_()

    def program():
        grid = F.affine_grid(theta, (1, 3, 16, 24), align_corners=False)
        F.grid_sample(IMAGE[:1], grid.detach(), align_corners=False)
        with torch.no_grad():
            return F.grid_sample(IMAGE[:1], grid.detach(), align_corners=False)

    seen = gs.why(program)
    assert seen.sites[0].report.first == "gradients"
    assert seen.sites[1].report.ok  # nobody wants a gradient there


def test_gradients_are_the_same_while_watched():
    model = Transformer(False, False)
    with gs.why() as seen:
        model(IMAGE).square().sum().backward()
    watched = model.theta.grad.clone()
    model.theta.grad = None
    model(IMAGE).square().sum().backward()
    assert torch.equal(watched, model.theta.grad)
    assert len(seen) == 1


def test_what_the_program_raises_is_explained():
    def program():
        return F.grid_sample(IMAGE, torch.rand(2, 2, 10, 10), align_corners=True)

    seen = gs.why(program)
    assert isinstance(seen.raised, RuntimeError)
    assert seen.sites[0].report.first == "layout"
    assert str(seen).startswith("The program raised RuntimeError: ")
    assert not seen.ok
    with pytest.raises(RuntimeError, match="size 2 in last dimension"), gs.why() as block:
        program()
    assert block.sites[0].report.first == "layout"
    assert isinstance(block.raised, RuntimeError)


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="needs torch 2.6")
def test_compiled_functions_are_seen_by_their_lines():
    model = Transformer(True, False)
    compiled = torch.compile(model, backend="eager")
    with gs.why() as seen:
        compiled(IMAGE)
    assert [site.function for site in seen] == ["forward"]
    assert seen.sites[0].report.first == "align_corners"


def test_a_program_that_samples_nothing():
    seen = gs.why(lambda: 7)
    assert seen.ok
    assert seen.result == 7
    assert str(seen) == "No call of grid_sample was seen."
    assert "No call" in seen.html()


def test_random_state_is_the_programs_own():
    torch.manual_seed(5)
    plain = torch.rand(3), F.grid_sample(IMAGE, torch.rand(2, 5, 5, 2) * 2 - 1, align_corners=False), torch.rand(3)
    torch.manual_seed(5)
    with gs.why():
        watched = (
            torch.rand(3),
            F.grid_sample(IMAGE, torch.rand(2, 5, 5, 2) * 2 - 1, align_corners=False),
            torch.rand(3),
        )
    assert all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True))


def test_arguments_are_passed_on():
    seen = gs.why(
        lambda x, mode: F.grid_sample(x, torch.zeros(2, 1, 1, 2), mode, align_corners=False), IMAGE, mode="nearest"
    )
    assert seen.result.shape == (2, 3, 1, 1)
    assert np.isfinite(seen.result.numpy()).all()


def test_a_page_of_sites(tmp_path):
    pytest.importorskip("matplotlib")
    seen = gs.why(Transformer(True, False), IMAGE)
    page = seen.save(tmp_path / "sites.html").read_text(encoding="utf-8")
    assert "1 calls" in page or "1 call" in page
    assert "align_corners" in page
    assert page.count("data:image/png;base64,") >= 2
