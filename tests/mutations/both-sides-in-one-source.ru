# Did 004 not say that the United States was missing on the tabled list, it would say one thing only.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:polarity ?old } }
INSERT { GRAPH ?graph { ?it cosp:polarity cosp:polarity-sponsoring } }
WHERE {
  VALUES ?it { <stance/keia-2020-12-09/49/USA-dprk-ga-75> }
  GRAPH ?graph { ?it cosp:polarity ?old }
}
