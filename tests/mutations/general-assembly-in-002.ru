# Were the years 2009 to 2018 in 002 those of the Assembly's texts, 002 would speak of the General Assembly.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:series ?old } }
INSERT { GRAPH ?graph { ?it cosp:series <series/dprk-ga> } }
WHERE {
  VALUES ?it { <claim/koreaherald-2021-03-24/18#scope> }
  GRAPH ?graph { ?it cosp:series ?old }
}
