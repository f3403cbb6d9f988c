# Were the United States among the 41 of 2025 according to 001, its stance would be the opposite.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:polarity ?old } }
INSERT { GRAPH ?graph { ?it cosp:polarity cosp:polarity-sponsoring } }
WHERE {
  VALUES ?it { <stance/upi-2025-11-12/73/USA-dprk-ga-80> }
  GRAPH ?graph { ?it cosp:polarity ?old }
}
