# Were the Council's text of 2018 under Park, Moon's years would begin in 2019.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:administration ?old } }
INSERT { GRAPH ?graph { ?it cosp:administration <administration/KOR-park-geun-hye> } }
WHERE {
  VALUES ?it { <sponsorship/KOR-dprk-hrc-37> }
  GRAPH ?graph { ?it cosp:administration ?old }
}
