"""Our own version, from the installed distribution's metadata."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("pileup")
except PackageNotFoundError:  # run from a checkout that was never installed
    VERSION = "0+checkout"
