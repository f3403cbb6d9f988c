# Did 001 and 003 not agree on the last year of the gap, that row would be missing.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?agreement a cosp:Agreement } }
WHERE {
  GRAPH ?graph { ?agreement a cosp:Agreement ; cosp:issue <issue/last-year-off> }
}
