# Were South Korea's stance of 2025 in 001 a refusal, the answer would say so.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:polarity ?old } }
INSERT { GRAPH ?graph { ?it cosp:polarity cosp:polarity-not-sponsoring } }
WHERE {
  VALUES ?it { <stance/upi-2025-11-12/27/KOR-dprk-ga-80> }
  GRAPH ?graph { ?it cosp:polarity ?old }
}
