# Were "opted out" said of a sponsor, its passage would be evidence of another stance.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:polarity ?old } }
INSERT { GRAPH ?graph { ?it cosp:polarity cosp:polarity-sponsoring } }
WHERE {
  VALUES ?it { <stance/koreaherald-2021-03-24/14/KOR-dprk-hrc-46> }
  GRAPH ?graph { ?it cosp:polarity ?old }
}
