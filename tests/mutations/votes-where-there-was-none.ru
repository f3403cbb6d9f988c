# Had there been a recorded vote in the Assembly in 2019, 000 would have been right to speak of one.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:decisionMethod ?old } }
INSERT { GRAPH ?graph { ?it cosp:decisionMethod cosp:method-vote } }
WHERE {
  VALUES ?it { <decision/dprk-ga-74> }
  GRAPH ?graph { ?it cosp:decisionMethod ?old }
}
