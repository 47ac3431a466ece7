# SPDX-License-Identifier: Apache-2.0
"""The node of recorded pulls as a class of C++: compiled once for the torch that is installed, and found again.

A torch program that records gradients keeps a node for each call. Ours, written in Python, costs more than torch's own,
written in C++ (docs/design/0021). One in C++ needs torch's headers, which differ from torch to torch, so that no wheel
can bring it: `compile_node` makes it on the user's machine, for this torch and this Python, and keeps it in a folder;
`node` loads what is there. Without it all is the same, but small calls take longer.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from pathlib import Path
from shlex import split
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from gridsample import frameworks
from gridsample.errors import CompileError, MissingError
from gridsample.frameworks.torch.derivatives import Pull

SOURCE = Path(__file__).with_name("node.cpp")
_MODULE = "gridsample_node"  # as the source calls it


def folder() -> Path:
    """Where compiled nodes are kept: GRIDSAMPLE_CACHE, or ``gridsample`` in the user's folder for caches."""
    own, caches = os.environ.get("GRIDSAMPLE_CACHE"), os.environ.get("XDG_CACHE_HOME")
    return Path(own) if own else Path(caches or Path.home() / ".cache") / "gridsample"


def path(directory: Path) -> Path:
    """The file for this torch, this Python and this source."""
    of = (torch.__version__, torch.version.git_version, sysconfig.get_config_var("SOABI"), platform.machine())
    said = "\0".join(map(str, of)).encode() + b"\0" + SOURCE.read_bytes()
    return directory / f"node-torch{torch.__version__}-{hashlib.sha256(said).hexdigest()[:16]}.so"


def command(output: Path) -> list[str]:
    """What compiles the source: the compiler that CXX names, or Python's own, or c++."""
    home = Path(torch.__file__).parent
    headers = [home / "include", home / "include/torch/csrc/api/include", Path(sysconfig.get_path("include"))]
    return [
        *split(os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++"),
        *("-std=c++20", "-O2", "-fPIC", "-shared", "-fvisibility=hidden"),
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
        *(word for header in headers for word in ("-isystem", str(header))),
        str(SOURCE),
        *("-o", str(output), f"-L{home / 'lib'}", "-ltorch_python", "-ltorch_cpu", "-ltorch", "-lc10"),
    ]


def read_in_place() -> bool:
    """Whether the short way can read this torch's tensors; those that may have named axes it cannot."""
    return hasattr(Tensor, "__dlpack_c_exchange_api__") and not hasattr(Tensor, "names")


def compile_node(directory: str | Path | None = None) -> Path:
    """`gridsample.torch.compile_node`, which says what it is for."""
    where = "gs.torch.compile_node"
    if sys.platform != "linux":
        raise MissingError(where, "Linux", sys.platform, "do without: small calls take longer, all else is the same")
    if not read_in_place():
        do = "install torch 2.13 or later; without, all else is the same"
        raise MissingError(where, "a torch whose tensors the short way can read", torch.__version__, do)
    output = path(Path(directory) if directory is not None else folder())
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
        made = Path(scratch) / output.name
        try:
            done = subprocess.run(command(made), capture_output=True, text=True)
        except OSError as error:
            raise CompileError(where, "a C++ compiler", str(error), "install one, or name it in CXX") from error
        if done.returncode != 0:
            do = "see the compiler's message above; CXX names another compiler (C++20)"
            raise CompileError(where, f"{SOURCE} to compile", f"\n{done.stderr[-4000:]}\n", do)
        _load(made)  # what does not load is not kept
        os.replace(made, output)
    return output


def _load(file: Path) -> Any:
    loader = importlib.machinery.ExtensionFileLoader(_MODULE, str(file))
    spec = importlib.util.spec_from_file_location(_MODULE, file, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def recorder(node: Any) -> Any:
    """What `derivatives.recorder` gives, of a compiled module: (image, coords, options, (values,)) -> values."""
    node.attach(frameworks, _by_rule)
    return node.record


def _by_rule(grad: Tensor, image: Any, coords: Tensor, options: str, image_too: bool, coords_too: bool) -> Any:
    """A pull's gradients where the engine does not take them; of an image that is not needed its shape will do."""
    kept = (coords, image) if coords_too else (coords,)
    node = SimpleNamespace(saved_tensors=kept, options=options, needs_input_grad=(image_too, coords_too))
    node.image_shape = image.shape if isinstance(image, Tensor) else image
    return Pull.backward(node, grad)


def node(directory: Path | None = None) -> Any:
    """The compiled module if it was made for this torch and this Python, or None."""
    try:
        file = path(directory or folder())
        if not file.is_file():
            return None
    except (OSError, RuntimeError):  # no such folder to be had: no home
        return None
    try:
        return _load(file)
    except ImportError as error:
        do = "delete it, or make it anew with gs.torch.compile_node()"
        warnings.warn(f"{file} could not be loaded and is not used ({error}); {do}", RuntimeWarning, stacklevel=2)
        return None
