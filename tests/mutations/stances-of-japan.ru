# Were Japan in 004 not an original sponsor but an added one, the stage would change.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:stage ?old } }
INSERT { GRAPH ?graph { ?it cosp:stage cosp:stage-added } }
WHERE {
  VALUES ?it { <stance/keia-2020-12-09/103/JPN-dprk-ga-75> }
  GRAPH ?graph { ?it cosp:stage ?old }
}
