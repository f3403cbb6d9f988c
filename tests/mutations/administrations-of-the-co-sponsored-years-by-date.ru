# Were the Assembly's text of 2017 under Park, five texts would be hers and one would be Moon's.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:administration ?old } }
INSERT { GRAPH ?graph { ?it cosp:administration <administration/KOR-park-geun-hye> } }
WHERE {
  VALUES ?it { <sponsorship/KOR-dprk-ga-72> }
  GRAPH ?graph { ?it cosp:administration ?old }
}
