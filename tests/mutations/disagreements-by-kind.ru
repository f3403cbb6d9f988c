# Were no disagreement on the last year of the gap explained by an open end, that kind would be missing.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?disagreement cosp:disagreementKind cosp:disagreement-open-end } }
WHERE {
  GRAPH ?graph {
    ?disagreement cosp:disagreementKind cosp:disagreement-open-end ; cosp:issue <issue/last-year-off>
  }
}
