# SPDX-License-Identifier: Apache-2.0
"""The numbers of --matrix, --grid and --flow, from the command line or from files, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gridsample.cli.geometry import Array, Field
from gridsample.cli.parsing import CliError
from gridsample.cli.pictures import check_pixels

DIRECTIONS = ("output-to-input", "input-to-output")  # of a matrix


def load_matrix(text: str, direction: str) -> Array:
    """Output -> input, 3x3, from numbers or from a file."""
    path = Path(text)
    do = "give 6 or 9 numbers as 1,0,5,0,1,0 or a .txt or .npy file"
    if path.suffix.lower() in (".txt", ".csv", ".npy") or path.is_file():
        text = "'" + text + "'"
        try:
            if path.suffix.lower() == ".npy":
                values = np.load(path, allow_pickle=False).astype(np.float64).ravel()
            else:
                values = np.array(path.read_text().replace(",", " ").split(), np.float64)
        except FileNotFoundError:
            raise CliError("a file that is there", text, "check the path", about="--matrix") from None
        except (OSError, ValueError) as error:
            raise CliError("a readable file of numbers", f"{text} ({error})", do, about="--matrix") from error
        text = f"{values.size} in {text}"
    else:
        try:
            values = np.array(text.replace(",", " ").split(), np.float64)
        except ValueError:
            raise CliError("numbers or a file", repr(text), do, about="--matrix") from None
        text = repr(text)
    if values.size not in (6, 9):
        raise CliError("6 or 9 numbers", text, do, about="--matrix")
    if not np.isfinite(values).all():
        raise CliError("finite numbers", text, "check where they come from", about="--matrix")
    matrix: Array = np.eye(3)
    matrix.flat[: values.size] = values
    if np.linalg.cond(matrix) > 1e14:
        got = f"{text}, which is singular"
        raise CliError("a matrix that can be inverted", got, "check where it comes from", about="--matrix")
    matrix = np.linalg.inv(matrix) if direction == DIRECTIONS[1] else matrix
    return np.asarray(matrix / matrix[2, 2] if not matrix[2, :2].any() else matrix)


def load_field(name: str, about: str, frame: str | None) -> Field:
    """The numbers of a .npy file, left on disk until they are read row by row."""
    try:
        values = np.load(name, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise CliError("a file that is there", f"'{name}'", "check the path", about=about) from None
    except (OSError, ValueError, EOFError) as error:
        do = "write it with numpy.save"
        raise CliError("a .npy file of numbers", f"'{name}' ({error})", do, about=about) from error
    shape: tuple[int, ...] = getattr(values, "shape", ())
    if len(shape) == 4 and shape[0] == 1:
        values, shape = values[0], shape[1:]
    if len(shape) != 3 or shape[-1] != 2 or 0 in shape:
        hint = "move its axis of 2 to the end" if 2 in shape[:-1] and len(shape) > 2 else "save the array in that shape"
        raise CliError("shape (H, W, 2) or (1, H, W, 2)", str(shape), hint, about=about)
    if values.dtype.kind != "f":
        raise CliError("floating-point numbers", str(values.dtype), "save it as float32", about=about)
    check_pixels(shape[1], shape[0], about=about, do="take a smaller one")
    return Field(values, frame)
