# Were 43 and 50 sponsors not of two stages, that row would be missing.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?disagreement cosp:disagreementKind cosp:disagreement-stage } }
WHERE {
  GRAPH ?graph { ?disagreement cosp:disagreementKind cosp:disagreement-stage ; cosp:issue <issue/sponsor-count> }
}
