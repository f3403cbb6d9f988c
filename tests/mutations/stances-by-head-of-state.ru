# Did 001 place the withdrawal under Yoon, a refusal would be attached to him by the source.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?it cosp:statedAdministration ?old } }
INSERT { GRAPH ?graph { ?it cosp:statedAdministration <administration/KOR-yoon-suk-yeol> } }
WHERE {
  VALUES ?it { <claim/upi-2025-11-12/53> }
  GRAPH ?graph { ?it cosp:statedAdministration ?old }
}
