# SPDX-License-Identifier: Apache-2.0
"""The generated header: up to date, the same every time, exact, and told when stale."""

import re

import pytest

from gridsample.spec import generate
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import COMPILED, KERNELS


@pytest.mark.skipif(not generate.HEADER.is_file(), reason="not in a source tree")
def test_the_checked_in_header_is_up_to_date():
    assert generate.main(["--check"]) == 0, f"run `{generate.COMMAND}`"


def test_stale_and_missing_files_are_told(tmp_path, capsys):
    path = tmp_path / "table.gen.hpp"
    assert generate.main(["--check", "--output", str(path)]) == 1
    assert generate.COMMAND in capsys.readouterr().out
    assert generate.main(["--output", str(path)]) == 0
    assert generate.main(["--check", "--output", str(path)]) == 0
    path.write_text(path.read_text().replace("2, -2, 0, 0, 1", "2, -1, 0, 0, 1"))
    assert generate.main(["--check", "--output", str(path)]) == 1
    assert generate.main(["--output", str(tmp_path / "absent" / "table.gen.hpp")]) == 1


def test_numbers_read_back_exactly():
    text = generate.header()
    assert {row.taps for row in KERNELS.values()} - set(COMPILED)
    for name, row in KERNELS.items():
        if row.taps not in COMPILED:
            assert f'"{name}"' not in text
            continue
        line = re.search(rf'{{"{name}", (\d+), (\d+), (.*)}},', text)
        assert (int(line[1]), int(line[2])) == (row.taps, row.degree)
        printed = [float(number) for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", line[3])]
        assert printed == [float(c) for weights in row.weights for c in weights]
    for name, row in BOUNDARIES.items():
        integers = ", ".join(map(str, (row.p1, row.p0, row.shift, row.c, row.sign)))
        assert f'{{"{name}", Family::{row.family}, {integers}}}' in text
