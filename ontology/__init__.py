"""The vocabulary: the OWL ontology with its SKOS schemes, and the JSON-LD context (data only)."""
