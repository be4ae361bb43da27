"""`python -m reference`."""

import sys

from reference.cli import main
from reference.parts import Parts

if __name__ == "__main__":
    sys.exit(main(Parts.default(), sys.argv[1:]))
