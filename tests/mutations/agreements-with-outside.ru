# Did no document agree with the day of the decision in 002, that row would be missing.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?agreement a cosp:Agreement } }
WHERE {
  GRAPH ?graph { ?agreement a cosp:Agreement ; cosp:issue <issue/decision-date> }
}
