# Were the Assembly's text of 2022 under Moon, both texts of that year would be under one government.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:administration ?old } }
INSERT { GRAPH ?graph { ?it cosp:administration <administration/KOR-moon-jae-in> } }
WHERE {
  VALUES ?it { <sponsorship/KOR-dprk-ga-77> }
  GRAPH ?graph { ?it cosp:administration ?old }
}
