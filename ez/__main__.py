"""`python -m ez`: the command line."""

import sys

from ez.cli import main

sys.exit(main())
