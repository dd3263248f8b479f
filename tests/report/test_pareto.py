"""What nothing beats in both quality and cost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iper_bench.report.pareto import Place, draw, front, label_places

NUMBERS = st.floats(0.01, 100, allow_nan=False)
PLACES = st.lists(st.tuples(NUMBERS, NUMBERS, st.booleans()), max_size=12).map(
    lambda ones: [
        Place(f"m{i}", cost, quality, reference) for i, (cost, quality, reference) in enumerate(ones)
    ]
)


def test_known_front() -> None:
    cheap, dear, beaten = Place("cheap", 1, 10), Place("dear", 4, 20), Place("beaten", 2, 9)
    bad = Place("bad", 4, 19)
    assert front([dear, beaten, cheap, bad], higher_is_better=True) == [cheap, dear]
    # the other way round the same places are judged by the smallest quality
    assert front([dear, beaten, cheap, bad], higher_is_better=False) == [cheap, beaten]


def test_equal_places_share_the_front_and_references_do_not_compete() -> None:
    one, twin = Place("one", 1, 10), Place("twin", 1, 10)
    oracle = Place("truth-jpeg", 0.1, 99, reference=True)
    assert front([one, twin, oracle], higher_is_better=True) == [one, twin]


@given(PLACES, st.booleans(), st.randoms())
def test_laws(places: list[Place], higher: bool, shuffled) -> None:  # type: ignore[no-untyped-def]
    found = front(places, higher_is_better=higher)
    sign = 1 if higher else -1
    running = [place for place in places if not place.reference]
    assert bool(found) == bool(running)
    for place in running:  # brute force: on the front exactly when nothing dominates it
        beaten = any(
            other.cost <= place.cost
            and sign * other.quality >= sign * place.quality
            and (other.cost < place.cost or sign * other.quality > sign * place.quality)
            for other in running
        )
        assert (place in found) is not beaten
    again = list(places)
    shuffled.shuffle(again)
    assert front(again, higher_is_better=higher) == found
    qualities = [sign * place.quality for place in found]
    assert qualities == sorted(qualities)


def test_equal_places_give_an_equal_picture() -> None:
    places = [Place("a", 1, 10), Place("<b>", 2, 12), Place("c", 2, 12, reference=True)]
    first = draw(places, "PSNR", higher_is_better=True, kind="svg")
    assert first == draw(places, "PSNR", higher_is_better=True, kind="svg")
    assert b"&lt;b&gt;" in first
    assert draw(places, "PSNR", higher_is_better=True, kind="png").startswith(b"\x89PNG")


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200)), min_size=1, max_size=20))
def test_names_cover_neither_markers_nor_names_nor_what_is_blocked(at: list[tuple[float, float]]) -> None:
    names = [f"method {number}" for number in range(len(at))]
    blocked = [(-1e6, -60.0, -1e6, 1e6), (0.0, 300.0, 99.0, 101.0)]
    labels = label_places(names, at, blocked)
    boxes = [label.box(place, name) for label, place, name in zip(labels, at, names, strict=True)]
    dots = [(x - 3, x + 3, y - 3, y + 3) for x, y in at]
    for number, (left, right, bottom, top) in enumerate(boxes):
        for other in (*boxes[:number], *dots, *blocked):
            assert not (left < other[1] and other[0] < right and bottom < other[3] and other[2] < top)


def test_a_lone_name_stands_right_of_its_marker_without_a_line() -> None:
    (label,) = label_places(["a"], [(0.0, 0.0)])
    assert (label.across > 0, label.up) == (True, 0.0)
