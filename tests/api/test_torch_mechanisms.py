# SPDX-License-Identifier: Apache-2.0
"""torch's own machinery around the calls: transforms, out=, tracing, what is kept alive."""

from __future__ import annotations

import gc
import itertools
import weakref

import pytest
import torch
from api_cases import near
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad, gradgradcheck
from torch.func import grad, jacrev, jvp, vmap

import gridsample as gs
from gridsample.errors import DerivativeError, DeviceError, ShapeError
from gridsample.options import Options

SIZE = 4  # of the axis that vmap maps


def made(shape: tuple[int, ...], dim: int | None):
    """A tensor with vmap's axis at ``dim``, and what each mapped call sees of it."""
    whole = torch.rand(SIZE, *shape, dtype=torch.float64) * 3
    if dim is None:
        return whole[0], lambda k: whole[0]
    return whole.movedim(0, dim), lambda k: whole[k]


DIMS = [pair for pair in itertools.product((None, 0, 1, -1), repeat=2) if pair != (None, None)]


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("batches", [(1, 1), (2, 2), (1, 3), (3, 1)])
def test_vmap_is_a_loop(batches, dims):
    image, image_of = made((batches[0], 2, 4, 5), dims[0])
    values, values_of = made((batches[0], 2, 6), dims[0])
    coords, coords_of = made((batches[1], 6, 2), dims[1])

    def read(a, b):
        return gs.sample(a, b, kernel="cubic", boundary="mirror")

    def spread(a, b):
        return gs.splat(a, b, (4, 5), kernel="cubic")

    for function, first, first_of in (
        (read, image, image_of),
        (gs.sample_grad, image, image_of),
        (spread, values, values_of),
    ):
        near(
            vmap(function, dims)(first, coords),
            torch.stack([function(first_of(k), coords_of(k)) for k in range(SIZE)]),
            1e-13,
        )
    for function, first, first_of in ((read, image, image_of), (spread, values, values_of)):

        def loss(a, b, f=function):
            return (f(a, b) ** 2).sum()

        for which in ((0,), (1,), (0, 1)):
            got = vmap(grad(loss, which), dims)(first, coords)
            want = [grad(loss, which)(first_of(k), coords_of(k)) for k in range(SIZE)]
            for j in range(len(which)):
                near(got[j], torch.stack([w[j] for w in want]), 1e-11)


def test_vmap_within_vmap_and_gradients_through_it():
    image, coords = torch.rand(3, 2, 1, 1, 4, dtype=torch.float64), torch.rand(3, 2, 1, 5, 1, dtype=torch.float64) * 3
    near(vmap(vmap(gs.sample))(image, coords).flatten(0, 2), gs.sample(image.flatten(0, 2), coords.flatten(0, 2)), 0)
    leaf = image.clone().requires_grad_()
    (want,) = torch.autograd.grad((gs.sample(leaf.flatten(0, 2), coords.flatten(0, 2)) ** 2).sum(), leaf)
    near(grad(lambda a: (vmap(vmap(gs.sample))(a, coords) ** 2).sum())(image), want, 1e-13)


def test_functional_gradients_are_the_eager_ones():
    image, coords = torch.rand(1, 1, 4, dtype=torch.float64), torch.rand(1, 5, 1, dtype=torch.float64) * 3
    jacobian = jacrev(lambda c: gs.sample(image, c))(coords)
    near(jacobian[0, 0, :, 0, :, 0].diagonal(), gs.sample_grad(image, coords)[0, 0, :, 0], 1e-14)
    leaf = image.clone().requires_grad_()
    near(
        grad(lambda i: gs.sample(i, coords).square().sum())(image),
        torch.autograd.grad(gs.sample(leaf, coords).square().sum(), leaf)[0],
        1e-14,
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own making
@pytest.mark.parametrize("verb", ["sample", "splat", "sample_grad"])
def test_forward_mode(verb):
    image, coords = torch.rand(1, 1, 4), torch.rand(1, 4, 1)
    call = {"splat": lambda i: gs.splat(i, coords, (4,))}.get(verb, lambda i: getattr(gs, verb)(i, coords))
    value, tangent = jvp(call, (image,), (image * 3,))  # it is linear in the image
    near(tangent, value * 3, 1e-6)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(call(forward_ad.make_dual(image, image * 3)))
        near(found.tangent, found.primal * 3, 1e-6)


def test_what_is_linear_has_derivatives_of_any_order():
    image = torch.rand(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    coords = torch.rand(2, 6, 2, dtype=torch.float64) * 5 - 1
    coords[0, 0, 0] = float("nan")
    values = torch.rand(1, 2, 6, dtype=torch.float64, requires_grad=True)

    def sampled(i):
        return gs.sample(i, coords, boundary="constant", fill=0.5)[..., 1:].sin()

    assert gradgradcheck(sampled, (image,))
    assert gradgradcheck(lambda v: gs.splat(v, coords, (4, 5)).sin(), (values,))


def test_the_image_is_not_kept_alive_for_its_own_gradient():
    leaf = torch.rand(1, 1, 4, 4, requires_grad=True)
    for needs_coords in (False, True):
        image = leaf * 2
        kept = weakref.ref(image)
        result = gs.grid_sample(image, torch.zeros(1, 3, 3, 2, requires_grad=needs_coords))
        del image
        gc.collect()
        assert result.requires_grad
        assert (kept() is not None) == needs_coords


def test_out_goes_where_it_is_and_says_so():
    image, coords = torch.rand(2, 3, 4, 5), torch.rand(2, 6, 2) * 4
    want = gs.sample(image, coords)
    out = torch.zeros(2, 3, 6)
    version = out._version
    assert gs.sample(image, coords, out=out) is out
    assert torch.equal(out, want)
    assert out._version > version  # autograd must see that what it saved has changed
    negated = torch.view_as_complex(torch.zeros(2, 3, 6, 2)).conj().imag
    assert negated.is_neg()
    assert torch.equal(gs.sample(image, coords, out=negated), want)
    backwards = torch.view_as_complex(torch.rand(2, 3, 4, 5, 2)).conj().imag
    assert torch.equal(gs.sample(backwards, coords, out=out), gs.sample(backwards.clone().resolve_neg(), coords))
    arena = torch.zeros(120 + 36)
    arena[:120] = image.flatten()
    own = gs.sample(arena[:120].view(2, 3, 4, 5), coords, out=arena[120:].view(2, 3, 6))
    assert torch.equal(own, want)


def test_out_in_the_wrong_place_is_refused():
    image, coords = torch.rand(2, 3, 4, 5), torch.rand(2, 6, 2)
    elsewhere = r"^sample: expected out to be dense and where image is, got out on"
    with pytest.raises(DeviceError, match=elsewhere):
        gs.sample(image.to("meta"), coords.to("meta"), out=torch.empty(2, 3, 6))
    with pytest.raises(DeviceError, match=elsewhere):
        gs.sample(image, coords, out=torch.empty(2, 3, 6, device="meta"))
    with pytest.raises(ShapeError, match="a place for every value, got strides"):
        gs.sample(image, coords, out=torch.empty(1).expand(2, 3, 6))
    with pytest.raises(ShapeError, match="overlapping image"):
        gs.sample(image, coords, out=image.view(-1)[:36].view(2, 3, 6))
    for tensor in (image, coords):
        with pytest.raises(DerivativeError, match="out= without gradients"):
            gs.sample(*(t.clone().requires_grad_(t is tensor) for t in (image, coords)), out=torch.empty(2, 3, 6))
    with torch.no_grad():
        assert not gs.sample(image.requires_grad_(), coords, out=torch.empty(2, 3, 6)).requires_grad


def test_every_option_works_on_fake_tensors():
    with FakeTensorMode():
        image, coords = torch.empty(2, 3, 4, 5), torch.empty(2, 6, 2)
        assert gs.sample(image, coords, nonfinite="error").shape == (2, 3, 6)
        assert gs.sample(image, coords, out=torch.empty(2, 3, 6)).shape == (2, 3, 6)


@pytest.mark.filterwarnings("ignore")  # of torch's own making
def test_compiled_programs_say_the_same():
    def program(image, grid):
        return gs.grid_sample(image, grid, padding_mode="border") * 2

    compiled = torch.compile(program, backend="aot_eager", dynamic=True)
    for n in (2, 3):
        image, grid = torch.rand(n, 3, 4, 5, requires_grad=True), torch.rand(n, 6, 7, 2, requires_grad=True)
        results = []
        for function in (program, compiled):
            result = function(image, grid)
            results.append([result, *torch.autograd.grad(result.square().sum(), (image, grid))])
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_subclasses_and_parameters_come_back_as_torch_makes_them():
    class Own(torch.Tensor):
        pass

    image, coords = torch.rand(1, 1, 4), torch.rand(1, 4, 1)
    assert type(gs.sample(image.as_subclass(Own), coords)) is Own
    assert type(gs.sample(torch.nn.Parameter(image), coords)) is torch.Tensor


def test_options_are_one_line_and_read_back():
    options = Options(("cubic",), ("wrap", "clamp"), 0.5, "unit", "ij", "up", "tap", "outside", -1.5)
    assert Options.parse(options.text) == options
    assert "\n" not in options.text
    for wrong in (
        options.text + " more=1",
        options.text.replace("fill=0.5 ", ""),
        options.text.replace("wrap", "warp"),
    ):
        with pytest.raises(ValueError, match=r"^gridsample operators: expected .*, got .*; "):
            Options.parse(wrong)
