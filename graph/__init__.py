"""cosponsor: who sponsors United Nations human-rights resolutions, according to which source.

This package is the graph: articles are read, mapped to RDF, derived from by rules, checked by shapes and
packed into one dataset. Its subpackages are the other rooms of the house: ``cosponsor.ontology``,
``cosponsor.shapes`` and ``cosponsor.server``.
"""

from importlib.metadata import version

__version__ = version("cosponsor")
