"""Training: settings, data, network, loop and report.

`config` alone imports no torch; nothing is imported here, so that the command line can build its flags.
"""
