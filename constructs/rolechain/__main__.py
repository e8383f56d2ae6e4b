"""The command, where its script is not on PATH: ``python -m rolechain``."""

import sys

from rolechain.cli import main

sys.exit(main())
