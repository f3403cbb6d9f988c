# Were what "appeared aimed" a plain assertion, the answer would not call it speculated.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:modality ?old } }
INSERT { GRAPH ?graph { ?it cosp:modality cosp:modality-asserted } }
WHERE {
  VALUES ?it { <claim/foreignpolicy-2019-11-15/28> }
  GRAPH ?graph { ?it cosp:modality ?old }
}
