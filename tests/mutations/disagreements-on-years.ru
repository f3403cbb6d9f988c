# Without the explanation that a source of 2021 could not see the end, the rows with it would be missing.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?disagreement cosp:explanation ?explanation } }
WHERE {
  GRAPH ?graph { ?disagreement cosp:explanation ?explanation }
  GRAPH ?editorial { ?explanation cosp:disagreementKind cosp:disagreement-open-end }
}
