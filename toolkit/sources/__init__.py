"""Sources of pictures, of any form that users arrive with, and the manifest made of them."""

from toolkit.sources.reading import read_source
from toolkit.sources.sniffing import Sniffed, sniff

__all__ = ["Sniffed", "read_source", "sniff"]
