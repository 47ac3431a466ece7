# SPDX-License-Identifier: Apache-2.0
"""`gridsample convert MODEL --to coreml`: a saved torch program, converted, compared with its source, written."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gridsample.cli.parsing import CliError, Parser, did_you_mean
from gridsample.export.targets import LOWERINGS, TARGETS

EPILOG = """MODEL is a .pt2 file of torch.export.save, with its example inputs; it is loaded as torch loads it.

  gridsample convert model.pt2 --to coreml                  writes model.mlpackage
  gridsample convert model.pt2 --to onnx --opset 16 -o out.onnx
  gridsample convert model.pt2 --to executorch --check      says what would happen, and writes nothing"""

SUFFIX = {
    "coreml": ".mlpackage",
    "onnx": ".onnx",
    "openvino": ".xml",
    "litert": ".tflite",
    "executorch": ".pte",
    "ncnn": ".param",
}


def main(arguments: Sequence[str]) -> int:
    """Convert what the arguments say. Exit code: 0 done; 1 written, but it differs from its source."""
    options = _parser().parse(arguments)
    if options.to not in TARGETS:
        hint = did_you_mean(options.to, TARGETS) or "take one of these"
        raise CliError(f"one of {', '.join(TARGETS)}", repr(options.to), hint, about="--to")
    more: dict[str, Any] = {}
    for name, value in (("opset", options.opset), ("system", options.system), ("precision", options.precision)):
        if value is not None:
            owner = "onnx" if name == "opset" else "coreml"
            if options.to != owner:
                raise CliError(f"--to {owner}", f"--to {options.to}", "leave it away", about=f"--{name}")
            more[name] = value
    source = Path(options.model)
    if source.suffix != ".pt2":
        raise CliError("a .pt2 file", f"'{source}'", "write one with torch.export.save(torch.export.export(...), path)")
    if not source.is_file():
        raise CliError("a file that is there", f"'{source}'", "check the path")
    target = Path(options.output) if options.output else source.with_suffix(SUFFIX[options.to])
    if target.suffix != SUFFIX[options.to]:
        do = f"change the ending to {SUFFIX[options.to]}"
        raise CliError(f"a path ending in {SUFFIX[options.to]}", f"'{target}'", do, about="--output")
    if target.exists() and not options.force and not options.check:
        raise CliError("a new file", f"'{target}', which is there", "choose another name, or --force", about="--output")
    program = _load(source)
    if options.check:
        from gridsample.export.checking import check

        print(check(program, to=options.to, **({"opset": more["opset"]} if "opset" in more else {})))
        return 0
    exporter = import_module(f"gridsample.export.{options.to}")
    converted = exporter.convert(program, lowering=options.lowering, **more)
    from gridsample.export.comparing import parity

    report = parity(converted)
    print(report)
    converted.save(target)
    print(f"written: {target}")
    halved = options.to == "coreml" and options.precision != "float32"
    tolerance = (1e-2 if halved else 1e-4) if options.tolerance is None else options.tolerance
    if not report.largest <= tolerance:
        print(f"it differs from its source by more than {tolerance:g}: see the table")
        return 1
    return 0


def _load(source: Path) -> Any:
    try:
        import torch
    except ImportError:
        do = "pip install 'gridsample[torch]'"
        raise CliError("torch", "none", do) from None
    import gridsample.frameworks.torch  # noqa: F401  (a program may call its operators)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(source)
    except Exception as error:  # of many kinds, all of them the file's fault
        got = f"'{source}' ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        raise CliError("a program of torch.export.save", got, "export the model again with this torch") from error


def _parser() -> Parser:
    parser = Parser(prog="gridsample convert", description="Convert a torch program that samples.", epilog=EPILOG)
    parser.add_argument("model", metavar="MODEL.pt2")
    parser.add_argument("--to", required=True, metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("-o", "--output", metavar="FILE", help="default: MODEL with the target's ending")
    parser.add_argument("--check", action="store_true", help="only say what the target would do with each call")
    parser.add_argument("--lowering", default="native", choices=LOWERINGS, help="the best to use (default: native)")
    parser.add_argument("--opset", type=int, help="of an ONNX file (default: 20)")
    parser.add_argument("--system", help="the oldest that a Core ML model is to run on (default: iOS16)")
    parser.add_argument("--precision", choices=("float16", "float32"), help="of a Core ML model (default: float16)")
    parser.add_argument("--tolerance", type=float, help="the largest difference allowed (default: 1e-4; float16: 1e-2)")
    parser.add_argument("--force", action="store_true", help="replace what is there")
    return parser
