# Had 001 written "declined" instead of "withdrew", the answer would follow it.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:term ?old } }
INSERT { GRAPH ?graph { ?it cosp:term "declined" } }
WHERE {
  VALUES ?it { <claim/upi-2025-11-12/53> }
  GRAPH ?graph { ?it cosp:term ?old }
}
