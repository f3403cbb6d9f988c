"""SHACL shapes: for one source alone, for the union of all graphs, and for the style of the ontology (data only)."""
