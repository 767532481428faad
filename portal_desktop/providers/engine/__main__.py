"""Entry of the child: `python -m portal_desktop.providers.engine`."""

from __future__ import annotations

import sys

from portal_desktop.providers.engine.child import main
from portal_desktop.settings import Environment

if __name__ == "__main__":
    sys.exit(main(Environment.of_process().process))
