"""`python -m hindsight` is the program `hindsight`; daemons are started by the path of this file."""

import os
import sys

if not __package__:
    # By its path: the package is what lies around this file, whatever else there may be.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from hindsight._program import hindsight

sys.exit(hindsight())
