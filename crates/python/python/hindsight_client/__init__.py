"""The client of a Hindsight server. Everything here is that of the package `hindsight`."""

from hindsight._client import Hindsight as Hindsight
from hindsight._native import VERSION as __version__
from hindsight.exceptions import *
from hindsight.models import *
