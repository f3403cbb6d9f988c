# With 32 in favour the Council's text of 2008 would have had a majority of those voting or abstaining.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:votesFor ?old } }
INSERT { GRAPH ?graph { ?it cosp:votesFor 32 } }
WHERE {
  VALUES ?it { <decision/dprk-hrc-7> }
  GRAPH ?graph { ?it cosp:votesFor ?old }
}
