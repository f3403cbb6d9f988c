# Were 20 and 21 two ways to count, the two articles would not contradict each other plainly.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?disagreement cosp:disagreementKind cosp:disagreement-contradiction } }
INSERT { GRAPH ?graph { ?disagreement cosp:disagreementKind cosp:disagreement-counting } }
WHERE {
  GRAPH ?graph {
    ?disagreement cosp:disagreementKind cosp:disagreement-contradiction ; cosp:issue <issue/signatories>
  }
}
