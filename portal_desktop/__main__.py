"""`python -m portal_desktop` is the same as `portal-desktop`."""

import sys

from portal_desktop.desktop import main

if __name__ == "__main__":
    sys.exit(main())
