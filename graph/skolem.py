"""Names for blank nodes: the dataset has none, so that it can be sorted, compared and pointed into."""

import re

from rdflib import BNode, Graph, URIRef
from rdflib.term import Node


def skolemize(graph: Graph) -> Graph:
    """Return ``graph`` with every blank node named after the node and property that lead to it.

    A list cell of the property sh:in of the shape S becomes S-in, the next one S-in-rest (RDF 1.1, section 3.5:
    systems may replace blank nodes by IRIs). Raises ValueError if a blank node is reached twice or not at all.
    """
    names: dict[Node, Node] = {}
    waiting: list[tuple[Node, Node]] = [(node, node) for node in set(graph.subjects()) if isinstance(node, URIRef)]
    for node, name in waiting:
        for predicate, value in graph.predicate_objects(node):
            if not isinstance(value, BNode):
                continue
            given = URIRef(f"{name}-{re.split('[#/]', str(predicate))[-1]}")
            if value in names or given in names.values():
                raise ValueError(f"the blank node at {given} has no name of its own; give it an IRI")
            names[value] = given
            waiting.append((value, given))
    result = Graph()
    for subject, predicate, value in graph:
        result.add((names.get(subject, subject), predicate, names.get(value, value)))
    if any(isinstance(term, BNode) for triple in result for term in triple):
        raise ValueError("a blank node is the value of no named node; give it an IRI")
    return result
