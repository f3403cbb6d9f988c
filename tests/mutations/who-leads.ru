# Did 004 not deny that Japan led in March 2020, the answer would say that it did.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { <claim/keia-2020-12-09/107> cosp:occurrence ?old } }
WHERE { GRAPH ?graph { <claim/keia-2020-12-09/107> cosp:occurrence ?old } }
