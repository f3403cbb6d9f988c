# Were the number of signatories no contradiction, that row would change.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?disagreement cosp:disagreementKind cosp:disagreement-contradiction } }
INSERT { GRAPH ?graph { ?disagreement cosp:disagreementKind cosp:disagreement-counting } }
WHERE {
  GRAPH ?graph {
    ?disagreement cosp:disagreementKind cosp:disagreement-contradiction ; cosp:issue <issue/signatories>
  }
}
