"""Package data: the open body (CC0-1.0, see LICENSE.CC0.txt)."""
