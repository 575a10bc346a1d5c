"""How many times faster than the original: of the same number of images and threads."""

from __future__ import annotations

from support.timings import benchmark, timed

from fmnist.bench.report import benchmark_text


def column(*results) -> dict[tuple[str, ...], str]:
    """What stands under ``vs keras``, by model, threads and batch."""
    text = benchmark_text(benchmark(*results))
    header, _, *rows = text.split("\n\n")[0].splitlines()
    if "vs keras" not in header:
        return {}
    place = header.index("vs keras") + len("vs keras")
    return {tuple(row.split()[i] for i in (0, 1, 2)): row[:place].split()[-1] for row in rows}


def model(name: str, engine: str, us: float, **how: int):
    return timed(name, [round(1000 * us)] * 100, engine=engine, **how)


def test_each_is_held_against_the_original_of_its_own_batch_and_threads():
    found = column(
        model("m.keras", "keras", 3000),
        model("m.keras", "keras", 6000, batch=100),
        model("m.keras", "keras", 4500, batch=100, threads=2),
        model("a.npz", "numpy", 10),
        model("a.npz", "numpy", 600, batch=100),
        model("a.npz", "numpy", 5000, batch=100, threads=2),
        model("b.npz", "numpy", 10, threads=2),
    )
    assert found == {
        ("m.keras", "1", "1"): "1.0x",
        ("m.keras", "1", "100"): "1.0x",
        ("m.keras", "2", "100"): "1.0x",
        ("a.npz", "1", "1"): "300x",
        ("a.npz", "1", "100"): "10x",
        ("a.npz", "2", "100"): "0.9x",
        ("b.npz", "2", "1"): "-",
    }


def test_where_there_are_two_originals_nothing_is_held_against_either():
    two = (model("m.keras", "keras", 3000), model("n.keras", "keras", 6000))
    assert column(*two, model("a.npz", "numpy", 10)) == {}


def test_where_there_is_none_there_is_no_such_column():
    assert column(model("a.npz", "numpy", 10)) == {}
