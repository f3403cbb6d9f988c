# Had South Korea abstained in 2021 instead of joining the consensus, it would not have supported the text.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:participation ?old } }
INSERT { GRAPH ?graph { ?it cosp:participation cosp:participation-abstained } }
WHERE {
  VALUES ?it { <claim/koreaherald-2021-03-24/17> }
  GRAPH ?graph { ?it cosp:participation ?old }
}
