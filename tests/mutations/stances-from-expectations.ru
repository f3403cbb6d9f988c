# Did a stance rest on a claim that is only speculated, the answer would not be empty.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:modality ?old } }
INSERT { GRAPH ?graph { ?it cosp:modality cosp:modality-speculated } }
WHERE {
  VALUES ?it { <claim/upi-2025-11-12/37> }
  GRAPH ?graph { ?it cosp:modality ?old }
}
