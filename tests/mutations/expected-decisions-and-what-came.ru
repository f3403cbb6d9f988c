# Had the Assembly voted in December 2025, the vote that 001 expected would have come.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:decisionMethod ?old } }
INSERT { GRAPH ?graph { ?it cosp:decisionMethod cosp:method-vote } }
WHERE {
  VALUES ?it { <decision/dprk-ga-80> }
  GRAPH ?graph { ?it cosp:decisionMethod ?old }
}
