# Were South Korea's sponsorship of the Council's text of 2008 undisputed, that row would be missing.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:status ?old } }
INSERT { GRAPH ?graph { ?it cosp:status cosp:status-non-sponsor } }
WHERE {
  VALUES ?it { <sponsorship/KOR-dprk-hrc-7#unspecified> }
  GRAPH ?graph { ?it cosp:status ?old }
}
