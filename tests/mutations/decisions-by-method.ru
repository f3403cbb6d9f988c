# Had the Assembly voted on the text of 2025, there would be ten votes and eleven texts without one.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:decisionMethod ?old } }
INSERT { GRAPH ?graph { ?it cosp:decisionMethod cosp:method-vote } }
WHERE {
  VALUES ?it { <decision/dprk-ga-80> }
  GRAPH ?graph { ?it cosp:decisionMethod ?old }
}
