# Were the hint at softer drills not the words of the Defense Department, it would not be in the answer.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>
PREFIX prov: <http://www.w3.org/ns/prov#>

DELETE { GRAPH ?graph { ?it prov:hadRole ?old } }
INSERT { GRAPH ?graph { ?it prov:hadRole cosp:attribution-document } }
WHERE {
  VALUES ?it { <claim/foreignpolicy-2019-11-15/07#attribution-2> }
  GRAPH ?graph { ?it prov:hadRole ?old }
}
