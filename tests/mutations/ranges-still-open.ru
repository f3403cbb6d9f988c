# Were the range since 2019 in 002 complete, it would not be open.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:completeness ?old } }
INSERT { GRAPH ?graph { ?it cosp:completeness cosp:completeness-exhaustive } }
WHERE {
  VALUES ?it { <claim/koreaherald-2021-03-24/19#scope> }
  GRAPH ?graph { ?it cosp:completeness ?old }
}
