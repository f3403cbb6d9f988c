# Were what 004 says of Japan as a first sponsor said of South Korea, 004 would not be silent.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:country ?old } }
INSERT { GRAPH ?graph { ?it cosp:country <country/KOR> } }
WHERE {
  VALUES ?it { <claim/keia-2020-12-09/103> }
  GRAPH ?graph { ?it cosp:country ?old }
}
