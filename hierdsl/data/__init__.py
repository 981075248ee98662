"""Annotated images on the disk: which files there are, and what raw values they hold.

It knows Pillow and no torch, and is imported by the commands that read images alone.
"""
