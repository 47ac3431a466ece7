# SPDX-License-Identifier: Apache-2.0
"""What every command shares: the error that is printed as one line, and the types of option values."""

from __future__ import annotations

import argparse
import difflib
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from gridsample.errors import GridSampleError


class CliError(GridSampleError):
    """A call that cannot be done as given; ``about`` is the option or the file, if one is to blame."""

    def __init__(self, expected: str, got: str, do: str, about: str = "") -> None:
        super().__init__(about, expected, got, do)

    def __str__(self) -> str:
        return super().__str__().removeprefix(": ")


def did_you_mean(word: str | None, names: Iterable[str]) -> str | None:
    """'did you mean ...?' for the nearest valid spelling, or None when nothing is near."""
    near = difflib.get_close_matches((word or "").lower(), list(names), n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else None


class Parser(argparse.ArgumentParser):
    """An argparse parser whose complaints are ours, and which takes ``--translate -10,5``."""

    def __init__(self, prog: str, **options: object) -> None:
        super().__init__(prog=prog, allow_abbrev=False, **options)  # type: ignore[arg-type]
        self.formatter_class = argparse.RawDescriptionHelpFormatter

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The options; a CliError for everything that argparse would leave the process for, except --help."""
        options, unknown = self.parse_known_args(self._joined(arguments))
        if unknown:
            known = [flag for action in self._actions for flag in action.option_strings]
            raise CliError("the options of this command", repr(unknown[0]), self._hint(unknown[0], known))
        return options

    def error(self, message: str) -> NoReturn:
        flag, colon, text = message.removeprefix("argument ").partition(": ")
        if not (colon and message.startswith("argument ")):
            raise CliError("a complete call", message, self._hint())
        if text.startswith("expected ") and ", got " in text:  # one of ours, see _refuse
            expected, _, rest = text.removeprefix("expected ").partition(", got ")
            got, _, do = rest.rpartition("; ")
            raise CliError(expected, got, do, about=flag)
        raise CliError("one value", text.removeprefix("expected one argument") or "none", self._hint(), about=flag)

    def _hint(self, word: str = "", known: Sequence[str] = ()) -> str:
        return did_you_mean(word.partition("=")[0], known) or f"see {self.prog} --help"

    def _joined(self, arguments: Sequence[str]) -> list[str]:
        """``--flag -10,5`` as ``--flag=-10,5``: argparse takes only plain negative numbers for values."""
        takes_value = {f for action in self._actions if action.nargs is None for f in action.option_strings}
        joined: list[str] = []
        for word in arguments:
            if joined and joined[-1] in takes_value and joined[-1].startswith("--") and re.match(r"-\.?[\dinf]", word):
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return joined


def _refuse(expected: str, got: str, do: str) -> NoReturn:
    raise argparse.ArgumentTypeError(f"expected {expected}, got {got!r}; {do}")


def name_in(table: Iterable[str], counts: Sequence[int] = (1,)) -> Callable[[str], tuple[str, ...]]:
    """The type of an option that takes names of ``table``, as many as ``counts`` allows, with commas between."""
    names = list(table)

    def parse(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        unknown = next((word for word in words if word not in names), None)
        if unknown is not None:
            _refuse(f"one of {', '.join(names)}", unknown, did_you_mean(unknown, names) or "take one of these")
        if len(words) not in counts:
            _refuse(f"{_either(counts)} names", text, "put a comma between names, as in clamp,wrap")
        return words

    return parse


def numbers(what: str, counts: Sequence[int], example: str) -> Callable[[str], tuple[float, ...]]:
    """The type of an option that takes finite numbers with commas (or blanks) between; ``counts``: how many."""

    def parse(text: str) -> tuple[float, ...]:
        words = [word for word in re.split(r"[,\s]+", text.strip()) if word]
        try:
            values = tuple(map(float, words))
        except ValueError:
            _refuse(what, text, f"write it as {example}")
        if len(values) not in counts:
            _refuse(f"{what} ({_either(counts)} numbers)", text, f"write it as {example}")
        if not all(map(math.isfinite, values)):
            _refuse(f"{what}, all finite", text, f"write it as {example}")
        return values

    return parse


def whole_number(text: str) -> int:
    """The type of an option that takes a whole number, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        _refuse("a whole number, 1 or more", text, "write it as 4")
    return int(text)


def size_or_fit(text: str) -> tuple[int, int] | str:
    """The type of --size: WxH in pixels, or the word fit."""
    if text == "fit":
        return text
    match = re.fullmatch(r"(\d+)[x,×](\d+)", text)
    if not match:
        _refuse("WxH in pixels or fit", text, "write it as 640x480")
    width, height = int(match[1]), int(match[2])
    if not width or not height:
        _refuse("a width and a height of 1 pixel or more", text, "write it as 640x480")
    return width, height


def _either(counts: Sequence[int]) -> str:
    return " or ".join(map(str, counts))
