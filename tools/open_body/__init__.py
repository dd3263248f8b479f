"""Stages of tools/build_open_body.py."""
