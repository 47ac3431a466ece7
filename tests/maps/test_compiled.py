# SPDX-License-Identifier: Apache-2.0
"""torch.compile follows maps, and torch.func transforms what is made of them."""

from __future__ import annotations

import pytest

import gridsample as gs

torch = pytest.importorskip("torch")
maps = gs.maps


def composed(image, m):
    return gs.sample(image, maps.compose(maps.Homography(m), maps.Affine(m[:2])))


def moved(image, m):
    return gs.sample(image, maps.Displacement(image[:, :2] + m.sum()))


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a .functools.lru_cache")
@pytest.mark.parametrize("function", [composed, moved])
def test_compile_without_a_break(function):
    image, m = torch.rand(1, 3, 8, 9), torch.eye(3) + 0.01
    m[2, :2] = 0
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(image, m), function(image, m))


def test_grad_of_torch_func_is_backwards():
    image, m = torch.rand(1, 2, 8, 9), torch.tensor([[1.01, 0.1, 0.2], [0.03, 0.98, 0.1]])
    found = torch.func.grad(lambda m: gs.sample(image, maps.Affine(m)).sum())(m)
    m.requires_grad_()
    gs.sample(image, maps.Affine(m)).sum().backward()
    torch.testing.assert_close(found, m.grad)
