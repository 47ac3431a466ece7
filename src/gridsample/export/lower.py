# SPDX-License-Identifier: Apache-2.0
"""From a torch model to a graph without sampling operators that its target would refuse or compute differently.

`exported` goes through `torch.export`; `recorded` answers torch's functions while `torch.jit.trace` watches. Both end
at the same lowerings, and both note every call they met.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gridsample.errors import ArgumentTypeError, DtypeError, OptionError, RankError
from gridsample.export import affine, prefilter, rewrite
from gridsample.export.ops import Native
from gridsample.export.targets import Lowering, Target, choose
from gridsample.export.torch_ops import TorchOps
from gridsample.options import Options, grid_sample_options
from gridsample.plan import Plan

MODES = ("bilinear", "nearest", "bicubic")  # torch's numbers for them
PADDINGS = ("zeros", "border", "reflection")
_MODE_OF = {"linear": 0, "nearest": 1, "cubic": 2}
_PADDING_OF = {"zero": 0, "constant": 0, "clamp": 1, "reflect": 2, "mirror": 2}

PARTS = "pass its real and its imaginary part as channels (torch.view_as_real), and sample those"

_torch: Any = torch  # much of it has no types
Call = Callable[..., Any]


@dataclass(frozen=True)
class Met:
    """One sampling call of a model: what it asks for and how it is lowered."""

    call: str
    options: Options
    image_shape: tuple[Any, ...]
    coords_shape: tuple[Any, ...]
    image_dtype: str
    coords_dtype: str
    lowering: Lowering


@dataclass
class Lowerer:
    """The replacements for one target. ``met`` fills while a model is lowered."""

    to: Target
    opset: int | None = None
    prefer: str = "native"
    met: list[Met] = field(default_factory=list)
    native_call: Call | None = None  # while torch's own operator is being recorded, which is then left alone

    @property
    def where(self) -> str:
        return f"gridsample.export.{self.to.name}"

    def meet(self, operator: Any, image: Tensor, coords: Tensor, *rest: Any) -> Met:
        """A call as it will be lowered."""
        if operator is torch.ops.gridsample.pull.default:
            options = Options.parse(rest[0])
            call = f"sample {','.join(options.kernel)} {','.join(options.boundary)}"
        else:
            mode, padding = MODES[rest[0]], PADDINGS[rest[1]]
            options = grid_sample_options(mode, padding, bool(rest[2]))
            call = f"grid_sample {mode} {padding} align_corners={bool(rest[2])}"
        for tensor, name in ((image, "image"), (coords, "coords")):
            if not tensor.is_floating_point():
                do = PARTS if tensor.is_complex() else "exported models sample floats: convert it in the model"
                raise DtypeError(self.where, f"{name} of a floating type", str(tensor.dtype), do)
        axes = image.dim() - 2
        if axes < 1:
            do = "give it a batch and a channel axis"
            raise RankError(self.where, "an image (N, C, *n)", f"{tuple(image.shape)}", do)
        lowering = choose(self.to, axes, options, self.opset, self.prefer)
        kinds = str(image.dtype).removeprefix("torch."), str(coords.dtype).removeprefix("torch.")
        return Met(f"{axes}D {call}", options, tuple(image.shape), tuple(coords.shape), *kinds, lowering)

    def grid_sampler(self, input: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool) -> Any:
        if self.native_call is not None:
            return NotImplemented
        options = grid_sample_options(MODES[mode], PADDINGS[padding], bool(align_corners))
        return self._lowered(input, grid, options)

    def pull(self, image: Tensor, coords: Tensor, options: str) -> Any:
        if _torch.jit.is_tracing():
            self.met.append(self.meet(torch.ops.gridsample.pull.default, image, coords, options))
        return self._lowered(image, coords, Options.parse(options))

    def prefilter(self, image: Tensor, rules: str, adjoint: bool) -> Any:
        o = NativeOps(self, torch.float64 if image.dtype == torch.float64 else torch.float32, image.device)
        axes = len(rules.split(" "))
        value = o.real(image)
        for d, matrix in prefilter.matrices(self.where, rules, o.shape(image)[-axes:], adjoint):
            moved = value.transpose(d - axes, -1)
            value = torch.matmul(moved, torch.from_numpy(matrix).to(value.dtype)).transpose(d - axes, -1)
        return value.to(image.dtype)

    def _lowered(self, image: Tensor, coords: Tensor, options: Options) -> Any:
        lowering = choose(self.to, image.dim() - 2, options, self.opset, self.prefer)
        double = torch.float64 in (image.dtype, coords.dtype)
        ops = NativeOps if self.to.gathers else FloatOps
        if not self.to.gathers:  # there is nothing to tell NaN by
            options = replace(options, nonfinite="minus_one")
        o = ops(self, torch.float64 if double else torch.float32, image.device)
        return rewrite.pull(o, o.real(image), o.real(coords), options, lowering).to(image.dtype)

    def affine_grid(self, theta: Tensor, size: Any, align_corners: bool | None = False) -> Any:
        o = NativeOps(self, torch.float64 if theta.dtype == torch.float64 else torch.float32, theta.device)
        return affine.affine_grid(o, o.real(theta), list(size)[2:], bool(align_corners)).to(theta.dtype)

    def table(self) -> dict[Any, Call]:
        """What `torch.export` is to write instead of each operator."""
        import gridsample.frameworks.torch  # noqa: F401  (registers gridsample::pull)

        aten = torch.ops.aten
        samplers = (aten.grid_sampler.default, aten.grid_sampler_2d.default, aten.grid_sampler_3d.default)
        return {
            **dict.fromkeys(samplers, self.grid_sampler),
            aten.affine_grid_generator.default: self.affine_grid,
            torch.ops.gridsample.pull.default: self.pull,
            torch.ops.gridsample.prefilter.default: self.prefilter,
        }


class NativeOps(TorchOps):
    """With torch's own operator for the target's; exporters know it."""

    pixels = False

    def __init__(self, lowerer: Lowerer, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__(dtype, device)
        self.lowerer = lowerer

    def modulo(self, i: Tensor, n: Any) -> Tensor:
        if self.lowerer.to.narrow:  # the turns may be wrong by some, but what is left is small
            turns = torch.floor(torch.div(self.real(i), self.real(n)))
            i = i - self.integer(turns) * n
        rest = super().modulo(i, n)
        return super().modulo(rest + n, n) if self.lowerer.to.truncates else rest

    def native(self, image: Tensor, grid: Tensor, op: Native) -> Any:
        mode, padding = _MODE_OF[op.kernel], _PADDING_OF[op.boundary]
        call = torch.grid_sampler
        if not _torch.jit.is_tracing():
            call = torch.ops.aten.grid_sampler_2d if image.dim() == 4 else torch.ops.aten.grid_sampler_3d
        self.lowerer.native_call = call
        try:
            return call(image, grid, mode, padding, op.frame == "corners")
        finally:
            self.lowerer.native_call = None


class FloatOps(NativeOps):
    """For targets with floats alone: no integers, comparisons or choices. Indices are exact below 2**24.

    NaN is not guarded against: there is nothing to tell it by. Nothing is divided by: ncnn 1.0.20261020 multiplies by a
    reciprocal in fewer bits, and 16/16 is 0.99999994.
    """

    def integer(self, x: Any) -> Any:
        return x

    def real(self, x: Any) -> Any:
        return x.to(self.dtype) if isinstance(x, Tensor) and x.dtype != self.dtype else x

    def clip(self, x: Any, low: Any, high: Any) -> Any:
        return torch.clamp(x, float(low), float(high)) if isinstance(x, Tensor) else min(max(x, low), high)

    def divide(self, a: Tensor, b: Any) -> Tensor:
        return torch.mul(a, 1.0 / float(b))

    def modulo(self, i: Tensor, n: Any) -> Tensor:
        """Half a pixel keeps whole turns whole; far away they may be off by one, so what is left is turned again."""
        for _ in range(2):
            i = i - torch.floor((i + 0.5) * (1.0 / float(n))) * float(n)
        return i

    def equal(self, a: Tensor, b: Any) -> Any:
        return None if a is b else 1.0 - torch.clamp(torch.abs(a - b), 0.0, 1.0)  # of whole numbers

    def less(self, a: Any, b: Any) -> Tensor:
        return torch.clamp(b - a, 0.0, 1.0)  # of whole numbers

    def where(self, truth: Any, a: Any, b: Any) -> Any:
        return a if truth is None else truth * a + (1.0 - truth) * b

    def rint(self, x: Tensor) -> Tensor:
        """Half-way cases to the even one, by floor alone."""
        up = torch.floor(x + 0.5)
        odd = up - 2.0 * torch.floor(up * 0.5)
        tie = 1.0 - torch.clamp(torch.abs(up - x - 0.5) * 1e9, 0.0, 1.0)
        return up - odd * tie

    def minimum(self, a: Any, b: Any) -> Tensor:
        return torch.minimum(a, b)


class _Answering(TorchFunctionMode):
    """Answers torch's sampling functions by a Lowerer while a model runs."""

    def __init__(self, lowerer: Lowerer) -> None:
        super().__init__()
        self.lowerer = lowerer
        functional = torch.nn.functional
        self.answers: dict[Any, Call] = {
            functional.grid_sample: self._grid_sample,
            torch.grid_sampler: self._grid_sampler,
            functional.affine_grid: lowerer.affine_grid,
            torch.affine_grid_generator: lowerer.affine_grid,
            **lowerer.table(),
        }
        aten = torch.ops.aten
        for sampler in (aten.grid_sampler.default, aten.grid_sampler_2d.default, aten.grid_sampler_3d.default):
            self.answers[sampler] = self._grid_sampler

    def _grid_sample(
        self,
        input: Tensor,
        grid: Tensor,
        mode: str = "bilinear",
        padding_mode: str = "zeros",
        align_corners: Any = None,
    ) -> Any:
        return self._grid_sampler(input, grid, MODES.index(mode), PADDINGS.index(padding_mode), bool(align_corners))

    def _grid_sampler(self, *arguments: Any) -> Any:
        self.lowerer.met.append(self.lowerer.meet(torch.grid_sampler, *arguments))
        return self.lowerer.grid_sampler(*arguments)

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.answers.get(function, function)(*args, **(kwargs or {}))


class PlanModule(torch.nn.Module):
    """A Plan as a model of two inputs."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options

    def forward(self, image: Tensor, coords: Tensor) -> Tensor:
        from gridsample import frameworks

        pulled: Tensor = frameworks.of("sample", image=image, coords=coords).pull("sample", image, coords, self.options)
        return pulled


def model_of(where: str, model: Any, example_inputs: Any) -> tuple[Any, tuple[Any, ...]]:
    """A torch module (or an ExportedProgram) and its example inputs, from what a caller may give; else an error."""
    if isinstance(model, Plan):
        if example_inputs is None:
            kinds = (getattr(torch, model.image_dtype), getattr(torch, model.coords_dtype))
            shapes = model.image_shape, model.coords_shape
            example_inputs = tuple(torch.rand(shape, dtype=kind) for shape, kind in zip(shapes, kinds, strict=True))
        model = PlanModule(model.options)
    if isinstance(model, torch.export.ExportedProgram):
        if example_inputs is None:
            example_inputs = model.example_inputs[0] if model.example_inputs else None
    elif not isinstance(model, torch.nn.Module):
        do = "wrap functions in a torch.nn.Module"
        raise ArgumentTypeError(where, "a torch.nn.Module, an ExportedProgram or a Plan", type(model).__name__, do)
    elif any(isinstance(part, _torch.jit.ScriptModule) for part in model.modules()):
        do = "pass the torch.nn.Module it was made from"
        raise ArgumentTypeError(where, "a model whose ranks are known before it runs", "a ScriptModule", do)
    if isinstance(example_inputs, Tensor):
        example_inputs = (example_inputs,)
    if not isinstance(example_inputs, (tuple, list)):
        do = "pass a tuple of tensors that the model can be called with"
        raise ArgumentTypeError(where, "example_inputs", type(example_inputs).__name__, do)
    if any(isinstance(x, Tensor) and x.is_complex() for x in example_inputs):
        raise DtypeError(where, "real inputs, as no target has complex ones", "a complex input", PARTS)
    return model, tuple(example_inputs)


def calls(program: Any, lowerer: Lowerer) -> list[Met]:
    """Every sampling call in an ExportedProgram and how it will be lowered; raises for one that cannot be."""
    table = lowerer.table()
    for node in program.graph.nodes:
        if node.target in table and not any(name in str(node.target) for name in ("affine", "prefilter")):
            kept = [a.meta["val"] if isinstance(a, torch.fx.Node) else a for a in node.args]
            kept += [node.kwargs[name] for name in node.kwargs]
            lowerer.met.append(lowerer.meet(node.target, *kept))
    return lowerer.met


def program_module(model: Any) -> Any:
    """A model that can be called."""
    return model.module() if isinstance(model, torch.export.ExportedProgram) else model


def exported(model: Any, args: tuple[Any, ...], lowerer: Lowerer, dynamic_shapes: Any = None) -> Any:
    """An ExportedProgram with every sampling call lowered; other operators as `torch.export` leaves them."""
    program = program_of(model, args, dynamic_shapes)
    calls(program, lowerer)
    if any("gridsample.prefilter" in str(node.target) for node in program.graph.nodes):
        program = _filtered(program, args, lowerer.where, dynamic_shapes)
    return program.run_decompositions(lowerer.table())


def _filtered(program: Any, args: tuple[Any, ...], where: str, dynamic_shapes: Any) -> Any:
    """The program with its prefilters as products with buffers, which a decomposition could not add."""
    if dynamic_shapes is None and program.range_constraints:
        do = "pass the module and dynamic_shapes, or export the program with fixed sizes"
        raise OptionError(where, "a program of fixed sizes, for its prefilter", "one of dynamic sizes", do)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = program.module()
    values = [node.meta["val"] for node in program.graph.nodes if "gridsample.prefilter" in str(node.target)]
    nodes = [node for node in module.graph.nodes if "gridsample.prefilter" in str(node.target)]
    for k, (node, like) in enumerate(zip(nodes, values, strict=True)):
        value, rules, adjoint = node.args
        axes = len(rules.split(" "))
        with module.graph.inserting_before(node):
            for d, matrix in prefilter.matrices(where, rules, like.shape[-axes:], adjoint):
                name = f"gridsample_prefilter_{k}_{d}"
                module.register_buffer(name, torch.from_numpy(matrix).to(like.dtype))
                turn = torch.ops.aten.transpose.int
                moved = module.graph.call_function(turn, (value, d - axes, -1))
                product = module.graph.call_function(
                    torch.ops.aten.matmul.default, (moved, module.graph.get_attr(name))
                )
                value = module.graph.call_function(turn, (product, d - axes, -1))
        node.replace_all_uses_with(value)
        module.graph.erase_node(node)
    module.recompile()
    return torch.export.export(module, args, dynamic_shapes=dynamic_shapes)


def program_of(model: Any, args: tuple[Any, ...], dynamic_shapes: Any = None) -> Any:
    if isinstance(model, torch.export.ExportedProgram):
        return model
    with evaluating(model):
        return torch.export.export(model, args, dynamic_shapes=dynamic_shapes)


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """A module in the mode it is deployed in, and back in its own afterwards."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def recorded(model: Any, args: tuple[Any, ...], lowerer: Lowerer) -> Any:
    """A traced module with every sampling call lowered; sizes are those of the example."""
    with torch.no_grad(), evaluating(model), _Answering(lowerer):
        return _torch.jit.trace(model, args, check_trace=False)
