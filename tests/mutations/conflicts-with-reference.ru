# Were the text of autumn 2022 under Moon for reference too, 001 would not conflict with it on the administration.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?disagreement cosp:disagreementKind cosp:disagreement-reference } }
WHERE {
  GRAPH ?graph {
    ?disagreement cosp:disagreementKind cosp:disagreement-reference ; cosp:issue <issue/administration>
  }
}
