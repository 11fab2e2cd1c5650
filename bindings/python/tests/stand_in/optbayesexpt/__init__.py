"""A stand-in for the package optbayesexpt, written from the description of its behaviour. It shares no code with it."""

from optbayesexpt.engine import Engine as OptBayesExpt
from optbayesexpt.obe_server import OBE_Server
from optbayesexpt.obe_socket import Socket

__all__ = ["OBE_Server", "OptBayesExpt", "Socket"]
__version__ = "stand-in"
