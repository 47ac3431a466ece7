# SPDX-License-Identifier: Apache-2.0
"""Float16 coordinates and 16-bit indices: wrong pixels in plain conversions, right ones in ours.

Plain conversions are made by `plain_coreml.py`, a process that never imports gridsample. A third kind is our own
program put through coremltools' passes as they are, which shows what the marks in it are for.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
ct = pytest.importorskip("coremltools")

from coremltools.converters.mil.frontend.milproto import load  # noqa: E402
from coremltools.converters.mil.mil import types  # noqa: E402
from export_models import Sampler, expected  # noqa: E402

import gridsample as gs  # noqa: E402
from gridsample.export.replay import replay  # noqa: E402

pytestmark = pytest.mark.skipif(platform.system() == "Darwin", reason="looks into the graph")
HERE = os.path.dirname(os.path.abspath(__file__))
PIXELS = 4096
DIM = torch.export.Dim
DYNAMIC = ({2: DIM("h", min=2, max=512), 3: DIM("w", min=2, max=2 * PIXELS)}, None)


def pixels(height: int, width: int):
    """Whole numbers to 63, so exact in float16."""
    make = torch.Generator().manual_seed(height)
    return torch.randint(0, 64, (1, 1, height, width), generator=make).float()


def middles(height: int, width: int):
    """The middles of 60 pixels in the last fifth of each axis, where coordinates are near 1."""
    x = torch.linspace(0.8, 0.99, 60).mul(width).floor()
    y = torch.linspace(0.8, 0.99, 60).mul(height).floor()
    return torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).reshape(1, 1, 60, 2)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The functions of the three plain conversions, by name, as they lie in their files."""
    folder = tmp_path_factory.mktemp("plain")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, os.path.join(HERE, "plain_coreml.py"), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {path.stem: loaded(path) for path in folder.glob("*.mlpackage")}


def loaded(path):
    model = ct.models.MLModel(str(path), skip_model_load=True)
    spec = model.get_spec()
    program = load.load(spec, specification_version=spec.specificationVersion, file_weights_dir=model.weights_dir)
    return program.functions["main"]


def answer(function, image, grid):
    inputs = dict(zip(function.inputs, (image.numpy(), grid.numpy()), strict=True))
    return replay(function, inputs, ct.target.iOS17).outputs[0]


def type_of(function, op_type: str, name: str) -> str:
    *_, op = [op for op in function.operations if op.op_type == op_type]  # sizes are gathered first
    return types.builtin_to_string(op.inputs[name].dtype)


@pytest.mark.parametrize(
    ("name", "op", "coordinates"), [("native", "resample", "coordinates"), ("by_hand", "round", "x")]
)
def test_a_plain_conversion_has_float16_coordinates_and_loses_pixels(plain, name, op, coordinates):
    image, grid = pixels(1, PIXELS), middles(1, PIXELS)
    operations = [found for found in plain[name].operations if found.op_type == op]
    assert {types.builtin_to_string(found.inputs[coordinates].dtype) for found in operations} == {"fp16"}
    got = answer(plain[name], image, grid)
    assert np.mean(got != expected(Sampler("nearest", "border"), image, grid)) > 0.25


def test_a_plain_conversion_of_dynamic_sizes_has_indices_of_16_bits(plain):
    """Right up to 65,535 pixels, and wrong or an error of coremltools' own gather beyond."""
    function, model = plain["dynamic"], Sampler("nearest", "border")
    assert type_of(function, "gather", "indices") == "uint16"
    small = pixels(40, 50), middles(40, 50)
    np.testing.assert_array_equal(answer(function, *small), expected(model, *small))
    for sizes in ((400, 400), (17, PIXELS)):
        large = pixels(*sizes), middles(*sizes)
        try:
            got = answer(function, *large)
        except IndexError:
            continue
        assert np.mean(got != expected(model, *large)) > 0.25


@pytest.mark.parametrize("system", ["iOS16", "iOS17", "iOS18"])
@pytest.mark.parametrize("lowering", ["native", "decomposed"])
def test_ours_has_every_pixel_in_the_default_precision(lowering, system):
    model, image, grid = Sampler("nearest", "border"), pixels(1, PIXELS), middles(1, PIXELS)
    exported = gs.export.coreml(model, (image, grid), system=system, lowering=lowering)
    np.testing.assert_array_equal(exported.run(image, grid)[0], expected(model, image, grid))


@pytest.mark.parametrize("lowering", ["native", "decomposed"])
def test_ours_has_every_pixel_of_dynamic_sizes(lowering):
    model, example = Sampler("nearest", "border"), (torch.rand(1, 1, 40, 50), middles(40, 50))
    exported = gs.export.coreml(model, example, dynamic_shapes=DYNAMIC, system="iOS17", lowering=lowering)
    if lowering == "decomposed":
        assert type_of(exported.program, "gather", "indices") == "int32"
    for sizes in ((40, 50), (400, 400), (17, PIXELS), (17, 2 * PIXELS)):
        arguments = pixels(*sizes), middles(*sizes)
        np.testing.assert_array_equal(exported.run(*arguments)[0], expected(model, *arguments))


def test_plain_coremltools_after_the_import_has_every_pixel_of_dynamic_sizes():
    """`coremltools.convert` itself, as in `plain_coreml.py`, but with our lowerings registered."""
    model, example = Sampler("nearest", "border"), (torch.rand(1, 1, 40, 50), middles(40, 50))
    program = torch.export.export(model.eval(), example, dynamic_shapes=DYNAMIC).run_decompositions({})
    converted = ct.convert(program, minimum_deployment_target=ct.target.iOS17, skip_model_load=True)
    function = converted._mil_program.functions["main"]
    assert type_of(function, "resample", "coordinates") == "fp32"
    for sizes in ((400, 400), (17, PIXELS)):
        arguments = pixels(*sizes), middles(*sizes)
        np.testing.assert_array_equal(answer(function, *arguments), expected(model, *arguments))


def test_float16_coordinates_lose_pixels_in_our_program_without_its_marks():
    image, grid = pixels(1, PIXELS), middles(1, PIXELS)
    model = Sampler("nearest", "border")
    made = unmarked(lambda: gs.export.coreml(model, (image, grid), system="iOS17", lowering="decomposed"))
    assert np.mean(made.run(image, grid)[0] != expected(model, image, grid)) > 0.25


def test_16_bit_indices_overflow_in_our_program_without_its_marks():
    """A dynamic image of 400 x 400: 160,000 pixels, indices of 16 bits reach 65,535."""
    image, grid = torch.rand(1, 1, 40, 40), torch.rand(1, 10, 10, 2) * 2 - 1
    model, large = Sampler("bicubic", "border"), torch.rand(1, 1, 400, 400)

    def convert():
        return gs.export.coreml(model, (image, grid), dynamic_shapes=DYNAMIC, system="iOS17")

    want = expected(model, large, grid)
    np.testing.assert_allclose(convert().run(large, grid)[0], want, rtol=0, atol=5e-3)
    narrowed = unmarked(convert, keep_floats=True)
    try:
        (got,) = narrowed.run(large, grid)
    except IndexError:  # what coremltools' gather makes of an index that is no longer one
        return
    assert np.mean(np.abs(got - want) > 5e-3) > 0.25


def unmarked(convert, keep_floats=False):
    """What coremltools' own passes make of the same program: ours, which look for marks, taken out for the while."""
    from coremltools.converters.mil.mil.passes.defs import quantization
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY

    names = ["common::add_int16_cast"] if keep_floats else ["common::add_fp16_cast", "common::add_int16_cast"]
    before = {name: PASS_REGISTRY.passes[name] for name in names}
    try:
        for name in names:
            PASS_REGISTRY.passes[name] = getattr(quantization, name.partition("::")[2])
        return convert()
    finally:
        PASS_REGISTRY.passes.update(before)
