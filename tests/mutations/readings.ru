# Were the first reading of "19th straight year" held to be less likely, the answer would say so.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:likelihood ?old } }
INSERT { GRAPH ?graph { ?it cosp:likelihood 0.6 } }
WHERE {
  VALUES ?it { <reading/koreaherald-2021-03-24/nineteen-years-passed> }
  GRAPH ?graph { ?it cosp:likelihood ?old }
}
