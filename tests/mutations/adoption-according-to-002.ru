# Had 002 printed New York instead of Geneva, the answer would follow it.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:place ?old } }
INSERT { GRAPH ?graph { ?it cosp:place "New York" } }
WHERE {
  VALUES ?it { <claim/koreaherald-2021-03-24/13#scope> }
  GRAPH ?graph { ?it cosp:place ?old }
}
