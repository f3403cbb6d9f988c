# Did 001 not name Human Rights Watch, only 003 would.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { <claim/upi-2025-11-12/57> cosp:signatory ?old } }
WHERE { GRAPH ?graph { <claim/upi-2025-11-12/57> cosp:signatory ?old } }
