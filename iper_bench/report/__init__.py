"""Tables, plots, pictures and pages of finished runs, and the gate that compares a run with a committed
baseline.

Reads the store and nothing else. ``page.write_report`` and ``gate.check`` are what the command line calls.
"""
