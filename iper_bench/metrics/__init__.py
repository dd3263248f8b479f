"""Metrics: every number a report shows, in profiles that say exactly how it is computed.

``suite.py`` is the door; each metric's mathematics stands alone in a file of its own. Importing this package
loads no network.
"""
