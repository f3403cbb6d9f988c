# Had 003 counted 21 organisations too, both would give the same number.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:count ?old } }
INSERT { GRAPH ?graph { ?it cosp:count 21 } }
WHERE {
  VALUES ?it { <claim/news1-2025-10-28/06> }
  GRAPH ?graph { ?it cosp:count ?old }
}
