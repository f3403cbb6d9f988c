"""What a query may not do: call out. Oxigraph's own parser tells whether a hidden SERVICE is one."""

import pyoxigraph as ox
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest, Forbidden

from cosponsor.server.data import Data
from cosponsor.server.evaluation import evaluate
from cosponsor.server.query import BadQuery, is_plain, is_update, read, without_comments
from cosponsor.server.statements import in_memory

DATA = Data("http://x.example/", "http://x.example/", in_memory(), checked=False)
LOCAL = Data("http://x.example/a/longer/base/", "https://w3id.org/cosponsor/", in_memory(), checked=False)
END = "<http://127.0.0.1:1/>"  # a port to which Oxigraph sends nothing

SMUGGLED = [
    f"SELECT * {{ SERVICE {END} {{}} }}",
    f"SELECT * {{ service silent {END} {{}} }}",
    f"SELECT * {{ SERVICESILENT{END}{{}} }}",
    f"SELECT * {{ ?s ?p 1SERVICE{END}{{}} }}",
    f"SELECT * {{ ?s ?p trueSERVICE{END}{{}} }}",
    "PREFIX e: <http://127.0.0.1:1/> SELECT * { SERVICEe:y {} }",
    "PREFIX e: <http://127.0.0.1:1/> SELECT * { ?s ?p e:.SERVICE e:y {} }",
    f"SELECT * {{ ?a ?b ?c FILTER(?a<?b)SERVICE#>\n{END}{{}} }}",
    f"PREFIX e: <http://e.example/> SELECT * {{ ?s ?p e:b\\' . SERVICE {END} {{}} FILTER(?s != e:b\\') }}",
    f"SELECT * {{ ?s ?p <http://e.example/\\u0041'> SERVICE {END} {{}} FILTER(?s != '') }}",
    f"SELECT * {{ ?s ?p 'a' SERVICE {END} {{}} FILTER(?s != '\\'') }}",
    f"SELECT * {{ ?s ?p '''a''' # '''\nSERVICE {END} {{}} }}",
]


@pytest.mark.parametrize("query", SMUGGLED)
def test_service_is_refused_wherever_oxigraph_would_find_it(query: str) -> None:
    with pytest.raises(Forbidden, match="SERVICE is refused"):
        read(query, DATA)


@pytest.mark.parametrize(
    ("query", "data"),
    [
        *((query, DATA) for query in SMUGGLED),
        ("SELECT * FROM <urn:a> {}", DATA),
        ("SELECT * FrOm <urn:a> {}", DATA),
        (f"ASK {'{' * 65}{'}' * 65}", DATA),
        ("ASK { <https://w3id.org/cosponsor/country/KOR> ?p ?o }", LOCAL),
        ("PREFIX c: <https://w3id.org/cosponsor/> ASK { c:a ?p ?o }", LOCAL),
    ],
)
def test_what_must_be_read_before_it_is_evaluated_is_not_plain(query: str, data: Data) -> None:
    assert not is_plain(query, data)
    for before in ("# a comment\n", "# a comment\r", "'''\n# "):
        assert not is_plain(without_comments(before + query), data)


@pytest.mark.parametrize(
    "word", ["SERV\\u0049CE", "\\u0053ERVICE", "SERV\\U00000049CE", "\u017fervice", "serv\u0131ce"]
)
def test_no_other_writing_of_service_is_one(word: str) -> None:
    with pytest.raises((BadQuery, Forbidden)):
        evaluate(f"SELECT * {{ {word} {END} {{}} }}", DATA)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?s ?p ?o } # a comment { ( '",
        "SELECT * { <http://x.example/a#b'c> ?p '#' }",
        "# From whom?\n\t # A service (\nSELECT * {\n ?s ?p ?o }\n#from",
        "SELECT ('''a\n# b''' AS ?x) {}",
        "PREFIX e: <http://e.example/#> SELECT (1 + 1 AS ?n) { OPTIONAL { e:a e:b\\' ?o } }",
    ],
)
def test_a_plain_query_means_the_same_read_or_unread(query: str) -> None:
    assert is_plain(without_comments(query), DATA)
    answers = [evaluate(query, DATA, unread=unread) for unread in (True, False)]
    rows = [[*answer] for answer in answers if isinstance(answer, ox.QuerySolutions)]
    assert len(rows) == 2
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?s ?p 'SERVICE <http://127.0.0.1:1/> {}' }",
        "SELECT * { ?s ?p ?o } # SERVICE",
        "SELECT ?service { ?service dcat:servesDataset ?o }",
        "PREFIX sd: <http://www.w3.org/ns/sparql-service-description#> SELECT * { ?s a sd:Service }",
        "SELECT * { ?s <http://www.w3.org/ns/dcat#accessService> ?o ; a dcat:DataService }",
        'SELECT * { ?s ?p """a "quoted" SERVICE""" }',
    ],
)
def test_the_word_service_elsewhere_is_let_through(query: str) -> None:
    assert isinstance(evaluate(query, DATA), ox.QuerySolutions)


PIECES = [
    "SERVICE",
    "service",
    "{",
    "}",
    "'",
    '"',
    "'''",
    '"""',
    "\\'",
    "\\",
    "#",
    "<",
    ">",
    "?a",
    "e:b",
    "e:",
    ".",
    "1",
]
PIECES += ["true", ")", "(", "FILTER", "BIND(1 AS ?z)", "<http://e.example/'>", "@en", "_:b", " ", "\n", END]


def parses(query: str) -> bool:
    try:
        ox.Store().query(query)
    except OSError:  # it parsed, and would have called out
        return True
    except (SyntaxError, ValueError, RuntimeError):
        return False
    return True


@settings(deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.lists(st.sampled_from(PIECES), max_size=5))
@example(["?a", " ", "e:b", " ", "e:", "."], [])
def test_no_query_that_oxigraph_accepts_hides_a_service(before: list[str], after: list[str]) -> None:
    query = f"PREFIX e: <http://e.example/> SELECT * {{ {''.join(before)}SERVICE{END}{{}}{''.join(after)} }}"
    # In a string, comment or IRI anything may stand; only after the keyword may SILENT stand.
    is_text = parses(query.replace(f"{END}{{}}", f"{END}{{?a ?b}}"))
    is_keyword = parses(query.replace("SERVICE", "SERVICE SILENT"))
    if parses(query) and is_keyword and not is_text:
        with pytest.raises(Forbidden):
            read(query, DATA)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PREFIX a: <a:> INSERT DATA {}", True),
        ("ASK { ?s <a:insert> 1 }", False),
        ("", False),
        ("with <a:g> x", True),
    ],
)
def test_update_is_told_by_its_first_keyword(text: str, expected: bool) -> None:
    assert is_update(text) is expected


@pytest.mark.parametrize("quotes", ["'''", '"""', "'", '"'])
@pytest.mark.parametrize("iri", ["<#a>", "<b#>", "<b'>", "<b#'>"])
def test_service_behind_less_than_and_a_comment_or_string_is_not_evaluated(iri: str, quotes: str) -> None:
    """What we take for an IRI and a long string is 'less than', a comment and SERVICE to Oxigraph."""
    service = "SERVICE <http://127.0.0.1:9/x> {?s ?p ?o}"
    hidden = f"SELECT * {{ BIND(1 AS ?x) FILTER(?x{iri} {quotes}\n2) {service} #{quotes}\n}}"
    with pytest.raises((BadRequest, Forbidden)):
        evaluate(hidden, DATA)


def test_an_iri_with_a_hash_or_an_apostrophe_means_itself() -> None:
    rows = evaluate("SELECT (STR(<http://x/#a>) AS ?a) (STR(<http://x/it's>) AS ?b) {} # done", DATA)
    assert isinstance(rows, ox.QuerySolutions)
    assert [[getattr(term, "value", "") for term in row] for row in rows] == [["http://x/#a", "http://x/it's"]]


@pytest.mark.parametrize(
    ("query", "line", "column"),
    [
        ("SELECT * WERE {}", 1, 10),
        ("PREFIX a: <http://x/#> PREFIX b: <http://y/#> SELECT * WERE {}", 1, 56),
        ("PREFIX a: <https://w3id.org/cosponsor/ontology#> SELECT * WERE {}", 1, 59),
        ("# comment\nPREFIX a: <http://x/#>\nSELECT * WERE {}", 3, 10),
    ],
)
def test_the_position_of_an_error_counts_in_the_query_as_it_was_sent(query: str, line: int, column: int) -> None:
    with pytest.raises(BadQuery) as error:
        evaluate(query, LOCAL)
    assert (error.value.members["line"], error.value.members["column"]) == (line, column)
