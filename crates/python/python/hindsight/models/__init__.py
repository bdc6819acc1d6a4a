"""Everything that the server answers, by its name in the API."""

from ._base import Model as Model
from .banks import *
from .documents import *
from .knowledge import *
from .memories import *
from .operations import *
