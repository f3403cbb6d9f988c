# Did 001 not say that South Korea is one of the 41, nobody would be named among them.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { <claim/upi-2025-11-12/26> cosp:includes <country/KOR> } }
WHERE { GRAPH ?graph { <claim/upi-2025-11-12/26> cosp:includes <country/KOR> } }
