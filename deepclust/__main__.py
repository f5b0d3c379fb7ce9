"""`python -m deepclust`; see `deepclust.cli`."""

import sys

from deepclust.cli import main

if __name__ == "__main__":
    sys.exit(main())
