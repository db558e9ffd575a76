"""`python -m caft_export`."""

import sys

from caft_export.cli import main

sys.exit(main())
