# Had 002 counted 44 sponsors, the answer would follow it.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:count ?old } }
INSERT { GRAPH ?graph { ?it cosp:count 44 } }
WHERE {
  VALUES ?it { <claim/koreaherald-2021-03-24/39> }
  GRAPH ?graph { ?it cosp:count ?old }
}
