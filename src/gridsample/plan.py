# SPDX-License-Identifier: Apache-2.0
"""Plan: one call, checked and resolved. All argument checks on shapes and types, and their messages, are here.

A Plan knows no array, only shapes and types, so it is made once for each combination and kept. Backends, `explain()`
and later the exporters and diagnostics all read the same Plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

from gridsample.errors import DtypeError, NonFiniteError, OptionError, RankError, ShapeError
from gridsample.made import SOURCES, Made
from gridsample.options import Options, remembered
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.dtypes import DTYPES, FLOATS
from gridsample.spec.frames import FRAMES, component
from gridsample.spec.kernels import COMPILED, KERNELS, Kernel, find

Shape = tuple[int, ...]
Rules = tuple[tuple[str, str], ...]  # the kernel and the boundary of each spatial axis
Memory = tuple[int, Shape, Shape, int]  # address, shape, strides in bytes, bytes of an item

MAX_AXES = 3  # of the compiled engine
MAX_RANK = 15  # of coords: the engine's arrays have 16 axes, and derivatives have one more than coords
LONGEST = 2**30  # pixels along one axis: tap indices fit 32 bits
MOST = 2**59  # numbers in one array: their bytes fit 63 bits
COMPUTED = FLOATS  # types of coordinates, and of images that have a gradient


@dataclass(frozen=True)
class AxisPlan:
    """One spatial axis: x = (g + offset) * scale + shift with g = coords[..., component]; then kernel and boundary."""

    length: int
    kernel: str
    boundary: str
    component: int
    offset: float
    scale: float
    shift: float


@dataclass(frozen=True, eq=False)
class Plan:
    """What a call will do. Equal calls get the same object, so it is compared and hashed by identity.

    image_shape (N or 1, C, *n), coords_shape (N or 1, *out, D)
    """

    options: Options
    image_shape: Shape
    coords_shape: Shape
    image_dtype: str
    coords_dtype: str
    axes: tuple[AxisPlan, ...]
    given: str = "points"
    control: tuple[int, Shape] | None = None

    @cached_property
    def batch(self) -> int:
        n, m = self.image_shape[0], self.coords_shape[0]
        return m if n == 1 else n

    @cached_property
    def out_shape(self) -> Shape:
        """(N, C, *out)"""
        return (self.batch, self.image_shape[1], *self.coords_shape[1:-1])

    @cached_property
    def jacobian_shape(self) -> Shape:
        """(N, C, *out, D)"""
        return (*self.out_shape, len(self.axes))

    @cached_property
    def compute_dtype(self) -> str:
        """The type images are loaded, weighed and summed in."""
        return DTYPES[self.image_dtype].computed

    def tap_rule(self, axis: AxisPlan) -> str:
        """The boundary that taps follow: few are outside where the position was folded, none of one or two."""
        return tap_rule(self.options, axis.kernel, axis.boundary)

    @property
    def rules(self) -> Rules:
        """What `check` gives."""
        return tuple((axis.kernel, axis.boundary) for axis in self.axes)

    @cached_property
    def uncompiled(self) -> str:
        """What of this call the compiled engine has no loops for; empty if it has them all."""
        kernels = sorted({axis.kernel for axis in self.axes})
        row: Kernel | None = find(kernels[0])
        taps = row.taps if row else 0
        o = self.options
        reasons = {
            f"{len(self.axes)} spatial axes (it has 1 to {MAX_AXES})": len(self.axes) > MAX_AXES,
            f"different kernels on the axes ({', '.join(kernels)})": len(kernels) > 1,
            f"the kernel {kernels[0]} of {taps} taps (it has {', '.join(map(str, COMPILED))})": taps not in COMPILED,
            f"the kernel {kernels[0]}, which is no row of its table": kernels[0] not in KERNELS,
            f"derivatives of order {sum(o.derivative)}": bool(o.derivative),
            "positions folded, and taps mirrored after": any(
                self.tap_rule(a) not in (a.boundary, "zero") for a in self.axes
            ),
            "outside beyond the outermost centres": o.outside is not None and o.limit != "edges",
        }
        return next((what for what, applies in reasons.items() if applies), "")

    def explain(self) -> str:
        """What was resolved, line by line, for people."""
        o = self.options
        kernels = {axis.kernel: find(axis.kernel) for axis in self.axes}
        taps = ", ".join(f"{name}: {row.taps} tap(s) per axis" for name, row in kernels.items() if row)
        one = any(row and row.taps == 1 for row in kernels.values())
        lines = [
            f"image {self.image_shape} {self.image_dtype}, coords {self.coords_shape} {self.coords_dtype}"
            f" -> values {self.out_shape}",
            f"kernel {taps}"
            + (f", ties go {o.ties}" if one else "")
            + (", of coefficients prefiltered first" if o.prefilter else "")
            + f"; computed in {self.compute_dtype}",
        ]
        for d, axis in enumerate(self.axes):
            lines.append(
                f"axis {d} ({axis.length} px, {axis.kernel}): x = (coords[..., {axis.component}] + {axis.offset:g})"
                f" * {axis.scale:g} + {axis.shift:g}; {axis.boundary}: {BOUNDARIES[axis.boundary].picture}"
            )
        lines.append(
            f"frame {o.frame}, order {o.order}, boundary applied to each {o.fold}, fill {o.fill:g}, "
            f"outside {'none' if o.outside is None else format(o.outside, 'g')}, non-finite coordinates: {o.nonfinite}"
        )
        if self.given != "points":
            lines.append(f"coords are not stored: each point's are computed from {SOURCES[self.given]}")
        lines.append(f"on the CPU: {'portable, for ' + self.uncompiled if self.uncompiled else 'the compiled engine'}")
        return "\n".join(lines)


def tap_rule(options: Options, kernel: str, boundary: str) -> str:
    """`Plan.tap_rule`, of an axis with this kernel and boundary."""
    if options.fold == "tap" or BOUNDARIES[boundary].family == "hole":
        return boundary
    row: Kernel | None = find(kernel)
    return "mirror" if boundary == "wrap" or (row and row.taps > 2) else "zero"


@remembered
def make(
    where: str,
    image_shape: Shape,
    image_dtype: str,
    coords_shape: Shape,
    coords_dtype: str,
    options: Options,
    given: str = "points",
    control: tuple[int, Shape] | None = None,
) -> Plan:
    """The Plan of a call named ``where``, the same object for equal calls; raises if anything does not fit.

    ``given`` is what the backend gets in place of coordinates of that shape and type: "points" (themselves), or what
    they are made from (`Made`).
    """
    image_shape, coords_shape = tuple(image_shape), tuple(coords_shape)
    rules = check(where, image_shape, image_dtype, coords_shape, coords_dtype, options)
    resolved = []
    for d, (n, (kernel, boundary)) in enumerate(zip(image_shape[2:], rules, strict=True)):
        offset, scale, shift = map(float, FRAMES[options.frame].numbers(n))
        resolved.append(AxisPlan(n, kernel, boundary, component(options.order, d, len(rules)), offset, scale, shift))
    return Plan(options, image_shape, coords_shape, image_dtype, coords_dtype, tuple(resolved), given, control)


def made(where: str, image_shape: Shape, image_dtype: str, source: Made, options: Options) -> Plan:
    """The Plan of a call whose coordinates the engine makes."""
    coords_shape = (source.numbers.shape[0], *source.sizes, len(source.sizes))
    dtype = source.dtype or COMPUTED.get(image_dtype, "float32")
    return make(where, tuple(image_shape), image_dtype, coords_shape, dtype, options, source.kind, source.control)


def check(
    where: str,
    image_shape: Shape,
    image_dtype: str,
    coords_shape: Shape,
    coords_dtype: str,
    options: Options,
    limits: bool = True,
) -> Rules:
    """Raises if anything of a call named ``where`` does not fit; each axis's rules.

    Sizes may be symbols of a traced program, without ``limits``, which would then be the program's: they are checked
    when it runs.
    """
    image_name, coords_name = ("input", "grid") if where == "grid_sample" else ("image", "coords")
    axes = len(image_shape) - 2
    if axes < 1 or (axes > MAX_AXES and where == "grid_sample"):
        got = f"{image_name} of shape {image_shape}"
        most = f"1 to {MAX_AXES}" if where == "grid_sample" else "1 or more"
        raise RankError(where, f"{image_name} (N, C, *n) with {most} spatial axes", got, _rank_advice(axes))
    _check_coords(where, image_name, coords_name, image_shape, coords_shape)
    _check_dtypes(where, image_name, coords_name, image_dtype, coords_dtype)
    if where == "grid_sample" and image_shape[0] != coords_shape[0]:
        got = f"input of shape {image_shape} and grid of shape {coords_shape}"
        do = "expand one of them, or use gridsample.sample, where a batch of 1 stands for all"
        raise ShapeError(where, "input and grid of one batch size", got, do)
    if image_shape[0] != coords_shape[0] and 1 not in (image_shape[0], coords_shape[0]):
        got = f"{image_name} of shape {image_shape} and {coords_name} of shape {coords_shape}"
        raise ShapeError(where, "batch sizes that are equal or 1", got, "repeat or select the shorter batch")
    for n in image_shape[2:] if limits else ():
        if not 1 <= n <= LONGEST:
            got = f"{image_name} of shape {image_shape}"
            do = "pass an image with pixels" if n < 1 else "split the image along that axis"
            raise ShapeError(where, f"spatial axes of 1 to 2**30 pixels in {image_name}", got, do)
    for shape in (image_shape, (*image_shape[:2], *coords_shape[1:])) if limits else ():
        if prod(shape) > MOST:
            raise ShapeError(where, "arrays that fit into memory", f"one of shape {shape}", "name a smaller shape")
    boundaries = options.boundary if len(options.boundary) > 1 else options.boundary * axes
    if len(boundaries) != axes:
        do = "give one name, or one per spatial axis in memory order (rows before columns)"
        raise OptionError(where, f"1 or {axes} boundaries", repr(options.boundary), do)
    kernels = options.kernel if len(options.kernel) > 1 else options.kernel * axes
    if len(kernels) != axes:
        do = "give one name, or one per spatial axis in memory order (rows before columns)"
        raise OptionError(where, f"1 or {axes} kernels", repr(options.kernel), do)
    return tuple(zip(kernels, boundaries, strict=True))


def _rank_advice(axes: int) -> str:
    if axes < 1:
        return "add batch and channel axes, e.g. image[None, None]"
    return "gridsample.sample takes any number of axes"


def _check_coords(where: str, image_name: str, coords_name: str, image_shape: Shape, coords_shape: Shape) -> None:
    axes = len(image_shape) - 2
    expected = f"{coords_name} (N, *out, {axes}) for {image_name} with {axes} spatial axes"

    def got() -> str:  # when something is wrong: a symbolic size that is written out becomes a fixed one
        return f"{image_name} of shape {image_shape} and {coords_name} of shape {coords_shape}"

    if len(coords_shape) < 2:
        raise RankError(where, expected, got(), f"{coords_name} needs a batch axis first and {axes} components last")
    if len(coords_shape) > MAX_RANK:
        raise RankError(where, f"{coords_name} with at most {MAX_RANK} axes", got(), "flatten some of the output axes")
    if coords_shape[-1] != axes:
        do = f"put the {axes} components of each point last"
        if len(coords_shape) == axes + 2 and coords_shape[1] == axes:
            order = (0, *range(2, axes + 2), 1)
            do = f"the components lie on axis 1: permute (transpose) {coords_name} to {order}"
        elif len(coords_shape) == axes + 1 and coords_shape[0] == axes:
            order = (*range(1, axes + 1), 0)
            do = f"the components lie on axis 0: permute (transpose) {coords_name} to {order} and add a batch axis"
        raise ShapeError(where, expected, got(), do)
    if where == "grid_sample" and len(coords_shape) != len(image_shape):
        do = "use gridsample.sample for lists of points and other output ranks"
        raise RankError(where, f"grid with {axes + 2} axes, as input has", got(), do)


def _check_dtypes(where: str, image_name: str, coords_name: str, image_dtype: str, coords_dtype: str) -> None:
    known = ", ".join(COMPUTED)
    images = COMPUTED if where == "grid_sample" else DTYPES
    if image_dtype not in images:
        do = f"convert it first, e.g. {image_name}.astype('float32') or {image_name}.float()"
        if image_dtype in DTYPES:
            do = f"use gridsample.sample, which takes it, or convert it, e.g. {image_name}.float()"
        raise DtypeError(where, f"{image_name} of one of the types {', '.join(images)}", image_dtype, do)
    if coords_dtype not in COMPUTED:
        do = "coordinates are real numbers: make them float32"
        raise DtypeError(where, f"{coords_name} of one of the types {known}", coords_dtype, do)
    if where == "grid_sample" and image_dtype != coords_dtype:
        do = "convert one, or use gridsample.sample, which takes any two types"
        raise DtypeError(where, "input and grid of one type", f"{image_dtype} and {coords_dtype}", do)


def check_values(where: str, values_shape: Shape, coords_shape: Shape) -> None:
    """Values to be splatted, (N or 1, C, *out), against the coordinates (N or 1, *out, D)."""

    def got() -> str:
        return f"values of shape {values_shape} and coords of shape {coords_shape}"

    if len(values_shape) != len(coords_shape) or values_shape[2:] != coords_shape[1:-1]:
        do = "give one value per channel and point"
        raise ShapeError(where, "values (N, C, *out) for coords (N, *out, D)", got(), do)
    if values_shape[0] != coords_shape[0] and 1 not in (values_shape[0], coords_shape[0]):
        raise ShapeError(where, "batch sizes that are equal or 1", got(), "repeat or select the shorter batch")


def check_out(where: str, plan: Plan, shape: Shape, dtype: str, strides: Shape, writable: bool) -> None:
    """The ``out`` a caller brings; ``strides`` in any unit."""
    if shape != plan.out_shape or dtype != plan.image_dtype:
        expected = f"out of shape {plan.out_shape} and type {plan.image_dtype}"
        raise ShapeError(where, expected, f"{shape} and {dtype}", "leave out= away to have one made")
    if not writable:
        raise ShapeError(where, "out to be writable", "a read-only array", "copy it first")
    if 0 in shape:
        return
    reach = 0  # of the axes with smaller strides: each next axis must step over them
    for stride, n in sorted((abs(stride), n) for stride, n in zip(strides, shape, strict=True) if n > 1):
        if stride <= reach:
            do = "pass an array of its own, not an expanded one"
            raise ShapeError(where, "out with a place for every value", f"strides {strides} that overlap", do)
        reach += stride * (n - 1)


def check_apart(where: str, name: str, out: Memory, other: Memory) -> None:
    """Refuses an ``out`` that begins before ``name`` ends and ends after it begins."""
    (low, high), (other_low, other_high) = _bounds(*out), _bounds(*other)
    if low < other_high and other_low < high:
        raise ShapeError(where, "out with memory of its own", f"out overlapping {name}", "use another array")


def _bounds(address: int, shape: Shape, strides: Shape, item: int) -> tuple[int, int]:
    if 0 in shape:
        return address, address
    steps = [stride * (n - 1) for stride, n in zip(strides, shape, strict=True)]
    return address + sum(s for s in steps if s < 0), address + sum(s for s in steps if s > 0) + item


def check_sizes(where: str, shape: Shape, coords_shape: Shape) -> None:
    """The spatial shape `splat` is to fill."""
    axes = coords_shape[-1] if coords_shape else 0
    if len(shape) != axes or any(n < 1 for n in shape):
        got = f"shape {shape} and coords of shape {coords_shape}"
        raise ShapeError(where, "shape with one positive length per component of coords", got, "name the axes' lengths")


def refuse_nonfinite(where: str, count: int, first: Shape) -> None:
    """Raises for ``count`` coordinates that are NaN or infinite, the first at index ``first`` of coords."""
    do = "mend them, or choose nonfinite='propagate' or 'outside'"
    raise NonFiniteError(where, "finite coords", f"{count} that are NaN or infinite, the first at {first}", do)


def check_affine(theta_shape: Shape, theta_dtype: str, size: Shape) -> None:
    """theta (N, D, D+1) and size (N, C, *n) of `affine_grid`."""
    where = "affine_grid"
    if theta_dtype not in COMPUTED:
        known = ", ".join(COMPUTED)
        raise DtypeError(where, f"theta of one of the types {known}", theta_dtype, "convert it first")
    axes = len(size) - 2
    if not 1 <= axes <= MAX_AXES:
        do = "name batch, channels and the spatial sizes"
        raise RankError(where, f"size (N, C, *n) with 1 to {MAX_AXES} spatial sizes", str(size), do)
    if len(theta_shape) != 3 or theta_shape[1:] != (axes, axes + 1):
        do = "give one matrix per sample, its last column the translation"
        raise ShapeError(where, f"theta of shape (N, {axes}, {axes + 1}) for size {size}", str(theta_shape), do)
    if any(n < 1 for n in size):
        raise ShapeError(where, "positive sizes", str(size), "name the size of the output to sample")
    if theta_shape[0] != size[0]:
        do = "make both batches alike, e.g. theta.expand(size[0], -1, -1)"
        raise ShapeError(where, f"theta of batch {size[0]}, as size says", f"batch {theta_shape[0]}", do)
