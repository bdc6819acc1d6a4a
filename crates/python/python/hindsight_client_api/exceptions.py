"""Exceptions of the client: those of the package `hindsight`, and what it raises of Python's own."""

from hindsight.exceptions import *

# All that the server has refused.
OpenApiException = ApiException
# Arguments that cannot be.
ApiTypeError = TypeError
ApiValueError = ValueError
ApiKeyError = KeyError
ApiAttributeError = AttributeError
