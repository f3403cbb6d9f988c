# Were Japan on the tabled list of 2023, it would not have joined later.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:polarity ?old } }
INSERT { GRAPH ?graph { ?it cosp:polarity cosp:polarity-sponsoring } }
WHERE {
  VALUES ?it { <stance/reference/jpn-dprk-ga-78-tabled-list> }
  GRAPH ?graph { ?it cosp:polarity ?old }
}
