# Were the 43 of 002 not sponsors, 002 would give South Korea's stance only.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:countedThing ?old } }
INSERT { GRAPH ?graph { ?it cosp:countedThing cosp:counted-members } }
WHERE {
  VALUES ?it { <claim/koreaherald-2021-03-24/39> }
  GRAPH ?graph { ?it cosp:countedThing ?old }
}
