"""iper-bench: evaluation and benchmarking of human image synthesis."""

__version__ = "0.1.0"
