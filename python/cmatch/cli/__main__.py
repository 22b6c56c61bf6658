"""`python -m cmatch.cli`."""

import sys

from cmatch.cli import main

sys.exit(main())
