"""Pickles that hold plain data, read without running anything they contain."""

from iper_bench.plain_pickle.constructors import StandIn
from iper_bench.plain_pickle.reading import loads_plain, read_limited, read_plain_pickle

__all__ = ["StandIn", "loads_plain", "read_limited", "read_plain_pickle"]
