# Did 002 not say that the United States came back but that it left, the answer would follow it.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:membership ?old } }
INSERT { GRAPH ?graph { ?it cosp:membership cosp:membership-left } }
WHERE {
  VALUES ?it { <claim/koreaherald-2021-03-24/42> }
  GRAPH ?graph { ?it cosp:membership ?old }
}
