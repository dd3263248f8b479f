"""Pickles of plain data: equal to what ``pickle`` reads; damage is one line."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iper_bench.errors import UserError
from iper_bench.plain_pickle import StandIn, loads_plain, read_plain_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
) | st.binary(max_size=8)
KEYS = st.text(max_size=4) | st.integers(-(2**40), 2**40)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner, max_size=3).map(OrderedDict)
    ),
    max_leaves=12,
)


@given(value=PLAIN, protocol=st.sampled_from(PROTOCOLS))
@settings(max_examples=150, deadline=None)
def test_plain_values_equal_those_of_pickle(value: Any, protocol: int) -> None:
    content = pickle.dumps(value, protocol=protocol)
    read = loads_plain(content, "file")
    assert read == value
    assert repr(read) == repr(pickle.loads(content))  # types too: True is not 1, a tuple is no list


ARRAYS = {
    "float64": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
    "big endian": np.arange(4, dtype=">i4"),
    "bool": np.array([True, False]),
    "text": np.array(["ab", "c"]),
    "bytes": np.array([b"ab", b"c"]),
    "point": np.array(2.5, dtype=np.float32),
    "empty": np.zeros((0, 5)),
    "axes exchanged": np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1),
    "complex": np.array([1 + 2j]),
    "scalar": np.float32(0.1),
    "whole scalar": np.int64(-5),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ARRAYS)
def test_numpy_equals_that_of_pickle(kind: str, protocol: int) -> None:
    array = ARRAYS[kind]
    read = loads_plain(pickle.dumps({"a": array, "again": array}, protocol=protocol), "file")
    assert type(read["a"]) is type(array)
    assert read["a"].dtype == array.dtype
    np.testing.assert_array_equal(read["a"], array)
    np.testing.assert_array_equal(read["again"], array)
    if isinstance(array, np.ndarray):
        assert read["a"].flags.writeable
        assert read["a"].flags.f_contiguous == array.flags.f_contiguous


def test_what_python_2_wrote_is_read_as_latin1() -> None:
    # {'pose': array([1.5, -2.0]), 'name': 'caf\xe9', 'n': 3L}, cPickle protocols 0 and 2, numpy 1
    data = np.array([1.5, -2.0]).tobytes()
    quoted = "".join(f"\\x{byte:02x}" for byte in data).encode()
    text = (
        b"(dp0\nS'pose'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\n"
        b"tp6\nRp7\n(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\n"
        b"I-1\nI0\ntp14\nbI00\nS'"
        + quoted
        + b"'\np15\ntp16\nbsS'name'\np17\nS'caf\\xe9'\np18\nsS'n'\np19\nL3L\ns."
    )
    binary = (
        b"\x80\x02}q\x01(U\x04poseq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
        b"U\x01b\x87Rq\x05(K\x01K\x02\x85cnumpy\ndtype\nq\x06U\x02f8K\x00K\x01\x87Rq\x07(K\x03U\x01<NNNJ\xff\xff"
        b"\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x10" + data + b"tbU\x04nameU\x04caf\xe9U\x01n\x8a\x01\x03u."
    )
    for content in (text, binary):
        read = loads_plain(content, "file")
        np.testing.assert_array_equal(read["pose"], [1.5, -2.0])
        assert read["name"] == "café"
        assert read["n"] == 3
        assert pickle.loads(content, encoding="latin1")["name"] == "café"


DAMAGE = {
    "nothing": b"",
    "no STOP": b"\x80\x02K\x01",
    "an unknown instruction": b"\x80\x02\xff.",
    "a newer protocol": b"\x80\x09N.",
    "an empty stack": b"\x80\x02.",
    "a value taken below a mark": b"\x80\x02K\x01(\x85.",
    "no mark": b"\x80\x02K\x01t.",
    "a memo that is empty": b"\x80\x02h\x05.",
    "a key without a value": b"\x80\x02}(K\x01u.",
    "a list as a key": b"\x80\x02}]K\x01s.",
    "items of a list": b"\x80\x02]K\x01K\x02s.",
    "an element of a dictionary": b"\x80\x02}K\x01a.",
    "a number of letters": b"Iabc\n.",
    "text that is no UTF-8": b"\x80\x02X\x01\x00\x00\x00\xff.",
    "text without quotes": b"Sabc\n.",
    "an unknown escape": b"S'\\d'\n.",
    "a bare name": b"\x80\x02cnumpy\nndarray\n.",
    "an array without a state": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85N\x87R."
    ),
    "too few arguments": b"\x80\x02cnumpy\ndtype\n)R.",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_line(kind: str) -> None:
    with pytest.raises(UserError, match=r"^bad\.pkl: refused to load the pickle: ") as caught:
        loads_plain(DAMAGE[kind], "bad.pkl")
    assert "\n" not in str(caught.value)


def value_or_one_line(content: bytes) -> None:
    """Any exception but a UserError fails the test."""
    with contextlib.suppress(UserError):
        loads_plain(content, "noise")


@given(content=st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_a_value_or_one_line(content: bytes) -> None:
    for start in (b"", b"\x80\x04"):
        value_or_one_line(start + content)


@given(at=st.integers(0, 10**6), byte=st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_one_wrong_byte_ends_in_a_value_or_one_line(at: int, byte: int) -> None:
    value = {"cams": np.arange(6.0).reshape(2, 3), "ids": [1, 2], "set": {3}, "o": OrderedDict(a=b"x")}
    content = bytearray(pickle.dumps(value, protocol=at % 6))
    content[at % len(content)] = byte
    value_or_one_line(bytes(content))


def test_admitted_classes_are_kept_inert(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("strange")
    kind = type("Thing", (), {"__module__": "strange"})
    module.Thing = kind  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "strange", module)
        thing = kind()
        thing.x = np.arange(3)
        contents = [pickle.dumps([thing], protocol=protocol) for protocol in PROTOCOLS]
    for content in contents:
        (read,) = loads_plain(content, "file", admits=lambda m, n: (m, n) == ("strange", "Thing"))
        assert isinstance(read, StandIn)
        assert (read.module, read.name) == ("strange", "Thing")
        np.testing.assert_array_equal(read.state["x"], [0, 1, 2])
        with pytest.raises(UserError, match=r"it asks for strange\.Thing"):
            loads_plain(content, "file")


def test_files_that_are_no_files_or_too_large_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(list(range(1000))))
    assert read_plain_pickle(path) == list(range(1000))
    with pytest.raises(UserError, match="at most 100 bytes"):
        read_plain_pickle(path, largest=100)
    with pytest.raises(UserError, match="cannot read the file"):
        read_plain_pickle(tmp_path / "none.pkl")
    with pytest.raises(UserError, match="not a regular file"):
        read_plain_pickle(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="not a regular file"):
        read_plain_pickle(tmp_path / "pipe")


def test_bytes_after_the_first_value_are_not_read() -> None:
    assert loads_plain(pickle.dumps(1) + b"cos\nsystem\n.", "two") == 1
