# Did 004 not name China, five states would be left.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { <claim/keia-2020-12-09/42> cosp:includes <country/CHN> } }
WHERE { GRAPH ?graph { <claim/keia-2020-12-09/42> cosp:includes <country/CHN> } }
