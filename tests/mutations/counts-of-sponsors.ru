# Had UPI counted 42 on the tabled list, the answer would say so beside the 41 of the others.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:count ?old } }
INSERT { GRAPH ?graph { ?it cosp:count 42 } }
WHERE {
  VALUES ?it { <claim/upi-2025-11-12/26> }
  GRAPH ?graph { ?it cosp:count ?old }
}
