"""Exceptions of the client: those of the package `hindsight`."""

from hindsight.exceptions import *
