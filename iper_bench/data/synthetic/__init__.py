"""The embedded dataset: procedural actors filmed in procedural rooms, with exact ground truth. Importing
this costs nothing.
"""
