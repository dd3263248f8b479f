"""``data verify``: what a local copy of a data set lacks, what is damaged, what does not belong there."""

from iper_bench.data.verify.finding import Finding
from iper_bench.data.verify.report import Count, Report
from iper_bench.data.verify.verification import VerifyRequest, verify

__all__ = ["Count", "Finding", "Report", "VerifyRequest", "verify"]
