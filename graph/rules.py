"""Rules: SPARQL CONSTRUCT queries that say what follows from what, each from named graphs to one named graph.

A rule is a file ``NN-name.rq`` in ``rules/reference`` (run once, on the reference graph), ``rules/source`` (run for
each source alone, with the reference and editorial graphs) or ``rules/across`` (run once, on everything). The
comment at its top is its statement. Rules run in the order of folders and names; a later rule sees what an earlier
one derived. Every node that a rule makes names the rule (``cosp:derivedBy``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyoxigraph as ox

from .files import files_of, read_text
from .findings import InputError
from .iris import BASE, ONTOLOGY, RDF_TYPE, RDFS_LABEL, graph_iri, room

CONSTRUCT = ox.NamedNode("http://www.w3.org/ns/shacl#construct")


@dataclass(frozen=True)
class Rule:
    """A rule: its folder, the name of its file, what it states, and its query."""

    folder: str
    file: str
    statement: str
    query: str

    @property
    def iri(self) -> ox.NamedNode:
        """The rule's IRI: its folder and its name without the number that orders it."""
        return ox.NamedNode(f"{BASE}rule/{self.folder}/{self.file.removesuffix('.rq').partition('-')[2]}")

    def quads(self) -> Iterator[ox.Quad]:
        """Yield the description of the rule, for the graph of rules."""
        graph = ox.NamedNode(graph_iri("rules"))
        described: dict[str, ox.NamedNode | ox.Literal] = {
            RDF_TYPE: ox.NamedNode(ONTOLOGY + "Rule"),
            RDFS_LABEL: ox.Literal(self.statement.partition(":")[0], language="en"),
            ONTOLOGY + "note": ox.Literal(self.statement, language="en"),
            CONSTRUCT.value: ox.Literal(self.query),
        }
        for predicate, value in described.items():
            yield ox.Quad(self.iri, ox.NamedNode(predicate), value, graph)


def read_rules(folder: str) -> list[Rule]:
    """Return the rules of one folder (reference, source or across), in the order in which they run."""
    rules = []
    for file in files_of(room("rules") / folder, ".rq"):
        query = read_text(file, f"graph/rules/{folder}/{file.name}")
        comment = [line.removeprefix("#").strip() for line in query.splitlines() if line.startswith("#")]
        rules.append(Rule(folder, file.name, " ".join(comment), query))
    return rules


def derive(store: ox.Store, sources: Iterable[str]) -> None:
    """Add to ``store`` what follows from it: graph/derived/reference, …/source/SLUG and …/across.

    Raises InputError, naming the file of the rule, if a rule is not a CONSTRUCT query that can be evaluated.
    """
    run_folder(store, "reference", "derived/reference", ["reference", "editorial"])
    for source in sources:
        run_folder(store, "source", f"derived/source/{source}", [f"source/{source}", "reference", "editorial"])
    graphs = [
        graph.value.removeprefix(graph_iri("")) for graph in store.named_graphs() if isinstance(graph, ox.NamedNode)
    ]
    run_folder(store, "across", "derived/across", sorted(graphs))


def run_folder(store: ox.Store, folder: str, target: str, dataset: list[str]) -> None:
    """Run the rules of ``folder`` on the graphs named in ``dataset`` and in ``target``, which takes the result."""
    graph = ox.NamedNode(graph_iri(target))
    default = [graph, *(ox.NamedNode(graph_iri(name)) for name in dataset)]
    for rule in read_rules(folder):
        triples = _construct(store, rule, default)
        made = {triple.subject for triple in triples if triple.predicate.value == RDF_TYPE}
        store.extend(ox.Quad(triple.subject, triple.predicate, triple.object, graph) for triple in triples)
        store.extend(ox.Quad(node, ox.NamedNode(ONTOLOGY + "derivedBy"), rule.iri, graph) for node in made)


def _construct(store: ox.Store, rule: Rule, default: list[ox.NamedNode]) -> list[ox.Triple]:
    where = f"graph/rules/{rule.folder}/{rule.file}"
    try:
        result = store.query(rule.query, default_graph=list(default))
    except SyntaxError as error:
        raise InputError.at(where, f"this is not SPARQL: {error.msg}; correct the query there.") from None
    except RuntimeError as error:  # a function that the engine does not know, a call to another endpoint
        raise InputError.at(where, f"this cannot be evaluated: {error}; rewrite the query.") from None
    if not isinstance(result, ox.QueryTriples):
        raise InputError.at(where, "a rule is a CONSTRUCT query, found another form; rewrite it as CONSTRUCT.")
    triples = list(result)
    if any(isinstance(term, ox.BlankNode) for triple in triples for term in triple):
        raise InputError.at(where, "the rule makes a blank node; give every node that it makes an IRI.")
    return triples
