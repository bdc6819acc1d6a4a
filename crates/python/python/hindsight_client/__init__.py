"""The client of a Hindsight server: `help(hindsight_client.Hindsight)` tells its methods.

Everything here is that of the package `hindsight`: the client, what it answers, and what it raises.
"""

from hindsight._client import Hindsight as Hindsight
from hindsight._native import VERSION as __version__
from hindsight.exceptions import *
from hindsight.models import *
