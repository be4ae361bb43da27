"""The suite that every adapter must pass, ours and those of outside authors: it finds adapters that lie or are sloppy.

Three ways to run the same checks:

    pytest --pyargs harness.targets.conformance --target file.py:attribute
    pileup check-target file.py:attribute
    harness.targets.conformance.suite.check_target(adapter)

A capability that is claimed and does not work fails; one that is not claimed is skipped, with that as the reason.
"""
