# SPDX-License-Identifier: Apache-2.0
"""The parts of the benchmark by themselves: runs, the machine's limit, goals, pictures, peers, resuming."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import numpy as np
import pytest

import gridsample as gs
from gridsample import bench
from gridsample.bench import command, goals, limit, machine, measure, ours, plots, report, session
from gridsample.bench.cases import CASES, Case, Turned, anywhere
from gridsample.bench.peers import PEERS
from gridsample.bench.runs import Run, runs

TINY = Case(
    "tiny", "2D", (2, 3, 6, 7), (5, 4), Turned(10, 1.2), dtypes=("float32", "uint8"), paddings=("zeros", "border")
)


def row(case="a", ratio=2.0, **other):
    names = {"case": case, "group": "2D", "mode": "bilinear", "padding": "zeros", "verb": "forward", "threads": 1}
    found = {"ratio": ratio, "ratio_low": ratio, "ratio_high": ratio, "ours_ms": 1.0, "theirs_ms": ratio, "pairs": 9}
    return {**names, "dtype": "float32", "difference": 0.0, **found, **other}


def result(*rows, peer="torch", date="2026-01-01 00:00 UTC"):
    return {"peer": peer, "date": date, "command": "", "machine": machine.describe(("numpy",)), "rows": list(rows)}


# ----------------------------------------------------------------------------------------------------- runs and limit


def test_only_runs_that_mean_something():
    case = replace(TINY, modes=("bilinear",))
    found = [
        (run.verb, run.dtype, run.padding)
        for run in runs([case], ["bilinear"], ["forward", "affine"], [1], ["float32", "uint8"])
    ]
    assert found == [
        ("forward", "float32", "zeros"),
        ("forward", "float32", "border"),
        ("forward", "uint8", "zeros"),
        ("affine", "float32", "zeros"),
        ("affine", "uint8", "zeros"),
    ]
    random = replace(case, grid=anywhere)
    assert list(runs([random], ["bilinear"], ["affine"], [1], ["float32"])) == []


def test_pixels_and_matrices_say_where_the_grid_is():
    run = Run(TINY, "bilinear", "zeros", "affine", 1)
    image, grid = run.arrays()
    _, pixels = run.pixels()
    expected = gs.grid_sample(image, grid)
    np.testing.assert_allclose(gs.sample(image, pixels), expected, atol=1e-5)
    y, x = np.mgrid[0:5, 0:4].astype(float)
    places = np.stack([x, y, np.ones_like(x)], -1)
    for matrix, points in zip(run.matrices(), pixels, strict=True):
        np.testing.assert_allclose((places @ matrix.T)[..., :2], points, atol=1e-5)


def test_points_near_a_jump():
    case = Case("four points", "2D", (1, 1, 8, 8), (4, 1), lambda rng, n, out: grid)
    grid = (2 * np.array([[[[3.0, 2.3]], [[3.5, 2.3]], [[3.2, 2.3]], [[-0.5, 2.3]]]]) + 1) / 8 - 1
    near = {}
    for mode, padding, verb in [("nearest", "zeros", "forward"), ("bilinear", "zeros", "backward")]:
        near[mode] = Run(case, mode, padding, verb, 1).jumps().near[0, :, 0].tolist()
    assert near == {"nearest": [False, True, False, True], "bilinear": [True, False, False, False]}
    turned = Run(case, "bilinear", "reflection", "backward", 1).jumps()
    assert turned.near[0, :, 0].tolist() == [True, True, False, True]
    assert Run(case, "bilinear", "zeros", "forward", 1).jumps is None


@pytest.mark.parametrize("last", [False, True])
def test_the_limit_moves_what_must_be_moved(last):
    case = Case("whole", "2D", (2, 3, 6, 7), (5, 4), lambda rng, n, out: np.broadcast_to(box, (n, *out, 2)), last)
    box = np.zeros((5, 4, 2), np.float32)
    box[0, 0], box[-1, -1] = -3, 3  # clipped: no more than the whole image is read
    image, grid, out = 2 * 3 * 6 * 7 * 4, 2 * 5 * 4 * 2 * 4, 2 * 3 * 5 * 4 * 4
    expected = {"forward": (image + grid, out), "backward": (image + grid + out, image + grid), "affine": (image, out)}
    expected["step"] = (image + grid + out, image + grid + out)
    for verb, (read, written) in expected.items():
        sources, size = limit.moved(Run(case, "bilinear", "zeros", verb, 1))
        assert (sum(source.size for source in sources), size) == (read, written)
    box[0, 0], box[-1, -1] = 0, 1  # a quarter of the image
    sources, _ = limit.moved(Run(replace(case, name="quarter"), "bilinear", "zeros", "affine", 1))
    assert sources[0].size == image // 4


@pytest.mark.parametrize(("threads", "bytes_read"), [(1, 1000), (2, 3 * limit.SHARE + 1)])
def test_the_stream_reads_and_writes_each_byte_once(threads, bytes_read, monkeypatch):
    walked = []
    real = limit._walk
    monkeypatch.setattr(limit, "_walk", lambda *share: walked.append(share) or real(*share))
    limit.stream([np.ones(bytes_read, np.uint8), np.ones(7, np.uint8)], 2 * limit.BLOCK + 3, threads)()
    assert len(walked) == threads
    assert sum(source.size for sources, _ in walked for source in sources) == bytes_read + 7
    assert sum(target.size for _, target in walked) == 2 * limit.BLOCK + 3


# --------------------------------------------------------------------------------------------------------------- peers


@pytest.mark.parametrize("name", [name for name in PEERS if "affine" in PEERS[name].can.verbs])
def test_affine_maps_of_peers_are_the_grid_of_the_matrix(name):
    if PEERS[name].missing:
        pytest.skip(f"needs {', '.join(PEERS[name].missing)}")
    run = Run(TINY, "bilinear", "zeros", "affine", 1)
    (theirs,) = PEERS[name].prepare(run).theirs()
    np.testing.assert_allclose(theirs, gs.grid_sample(*run.arrays()), atol=1e-5)


def test_bytes_of_opencv_are_rounded_samples():
    pytest.importorskip("cv2")
    run = Run(TINY, "bilinear", "zeros", "forward", 1, "uint8")
    (theirs,) = PEERS["opencv"].prepare(run).theirs()
    image, grid = run.arrays()
    expected = gs.grid_sample(image.astype(np.float32), grid)
    assert theirs.dtype == np.uint8
    assert np.abs(theirs - expected).max() <= 0.51


def test_our_options_are_torchs():
    names = {padding: ours.options(Run(TINY, "bicubic", padding, "forward", 1)) for padding in ("zeros", "reflection")}
    assert names["zeros"] == {"kernel": "cubic", "boundary": "zero"}
    assert names["reflection"] == {"kernel": "cubic", "boundary": "reflect"}


def test_every_peer_says_what_it_can():
    for peer in PEERS.values():
        assert peer.call
        assert peer.packages
        assert "forward" in str(peer.can)
        assert any(peer.refuse(run) is None for run in runs(CASES, ["bilinear"], ["forward"], [1, 2], ["float32"]))
    half = replace(PEERS["torch"].can, threads=(1,))
    assert half.refuse(Run(TINY, "bilinear", "zeros", "forward", 2)) == "threads: 1 only"


def test_a_peer_that_raises_is_named_and_the_others_go_on(monkeypatch, tmp_path, capsys):
    def prepare(run):
        if run.mode == "nearest":
            raise MemoryError("too big\nfor this")
        return real.prepare(run)

    real = PEERS["scipy"]
    monkeypatch.setattr(command, "CASES", (replace(TINY, paddings=("zeros",)),))
    monkeypatch.setitem(PEERS, "scipy", replace(real, prepare=prepare))
    assert bench.main(["--peer", "scipy", "--budget", "0.001", "-o", str(tmp_path)]) == 1
    found = report.read(tmp_path / "scipy.json")
    assert [row["reason"] for row in found["wrong"]] == ["raised MemoryError: too big"]
    assert [row["mode"] for row in found["rows"]] == ["bilinear"]


def test_several_peers_run_in_processes_of_their_own(monkeypatch, tmp_path, capsys):
    called = []

    def process(argv):
        called.append(argv[-4:])
        return subprocess.CompletedProcess(argv, len(called) - 1)

    absent = replace(PEERS["jax"], packages={"no_such_module": "no-such-package"})
    monkeypatch.setitem(PEERS, "jax", absent)
    monkeypatch.setattr(command.subprocess, "run", process)
    assert bench.main(["--peer", "torch,jax,scipy", "-o", str(tmp_path)]) == 1
    assert called == [["--peer", name, "-o", str(tmp_path / f"{name}.json")] for name in ("torch", "scipy")]
    assert capsys.readouterr().err == "not measured: jax, not installed (pip install no-such-package)\n"


# ---------------------------------------------------------------------------------------------------------------- time


def test_minutes_are_shared_among_the_runs_that_are_left(monkeypatch):
    given = []
    one = session.Session("scipy", 1.0, "", minutes=2 / 60)
    monkeypatch.setattr(one, "_one", lambda run, budget: given.append(budget))
    one.run([Run(TINY, "bilinear", "zeros", "forward", 1)] * 4)
    assert given == pytest.approx([0.5, 2 / 3, 1, 1], abs=0.05)  # what a run leaves goes to the next, up to its budget
    given.clear()
    one.minutes = 1e-9
    one.run([Run(TINY, "bilinear", "zeros", "forward", 1)])
    assert given == []
    assert [row["reason"] for row in one.result["skipped"]] == [session.NO_TIME]
    one.result["skipped"].clear()
    one.minutes = None
    one.run([Run(TINY, "bilinear", "zeros", "forward", 1)])
    assert given == [1.0]


def test_slow_calls_get_fewer_rounds():
    now = [0.0]

    def clock():
        return now[0]

    def call():
        now[0] += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure.time, "perf_counter", clock)
        assert len(measure.interleaved((call, call), budget=0.1)[0]) == measure.LEAST
        assert len(measure.interleaved((call, call), budget=5)[0]) == measure.FEWEST
        patch.setattr(measure, "ENDLESS", 3)
        assert len(measure.interleaved((call, call), budget=0.1)[0]) == 2
        assert len(measure.interleaved((call, call), budget=40)[0]) == 20
        assert len(measure.interleaved((call, call), budget=0)[0]) == 1
        patch.setattr(measure, "BRIEF", 19)  # a quick call is not judged by its first one
        assert len(measure.interleaved((call, call), budget=0)[0]) == 10


def test_resuming_measures_what_is_missing_and_only_on_the_same_commit(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "CASES", (replace(TINY, paddings=("zeros",)),))
    argv = ["--peer", "scipy", "--budget", "0.001", "--resume", "-o", str(tmp_path)]
    assert bench.main([*argv, "--modes", "bilinear"]) == 0
    first = report.read(tmp_path / "scipy.json")
    capsys.readouterr()
    assert bench.main(argv) == 0
    assert "1 of 3 runs are there already" in capsys.readouterr().err
    both = report.read(tmp_path / "scipy.json")
    assert both["rows"][0] == first["rows"][0]
    assert [row["mode"] for row in both["rows"]] == ["bilinear", "nearest"]
    monkeypatch.setattr(machine, "_commit", lambda: "another")
    assert bench.main(argv) == 0
    assert "already" not in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------ goals, pictures


def test_goals_are_those_of_the_issue_and_say_when_nothing_is_measured():
    lines, missed = goals.table([])
    assert len(lines) == 11
    assert {line[-1] for line in lines} == {"not measured"}
    assert not any(missed)
    assert lines[4][1:3] == ["3× / 6×", "2× / 3.5×"]
    assert lines[9][1:3] == ["≤ 2×", "≤ 3×"]


def test_goals_are_means_over_cases():
    rows = goals.pool(
        [
            result(row("a", 8.0), row("a", 2.0, padding="border"), row("b", 1.0), row("c", 0.9, group="2D small")),
            result(row("a", 9.0, group="3D", batch=1, threads=2, smooth=True, limit_ms=0.4)),
            result(row("photo", 1.2, dtype="uint8"), row("photo", 1.2, dtype="uint8", threads=2), peer="opencv"),
        ]
    )
    lines, missed = goals.table(rows)
    assert lines[0][3:] == ["2.00×", "floor met"]  # the mean of 4 (a, over its paddings) and 1
    assert lines[5][3:] == ["not measured / 9.00×", "missed"]
    assert lines[8][3:] == ["1.20×", "floor met"]
    assert lines[9][3:] == ["2.50×", "floor met"]
    assert lines[10][3:] == ["0.90× (c, bilinear, zeros, forward, 1 thread); 1 of 5 below 1", "missed"]
    assert missed[0]
    assert not missed[1]


def test_of_two_measurements_the_later_counts():
    old, new = result(row("a", 2.0), date="2026-01-01"), result(row("a", 3.0), date="2026-02-01")
    for order in ([old, new], [new, old]):
        assert [row["ratio"] for row in goals.pool(order)] == [3.0]


def test_pictures_are_the_same_each_time(tmp_path):
    pytest.importorskip("matplotlib")
    found = result(row("fast", 4.0, smooth=True, limit_ms=0.5), row("slow", 0.5), row("slow", 0.6, threads=2))
    drawn = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        plots.draw(found, tmp_path / "torch.json", folder)
        drawn.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {"bench-torch-forward.svg", "bench-torch-limit.svg"}
    assert plots.LOSS[0].encode() in drawn[0]["bench-torch-forward.svg"]
