# Did 001 name a government for the years 2008 to 2018, each of them would be in the answer.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

INSERT DATA { GRAPH <graph/source/upi-2025-11-12> {
  <claim/upi-2025-11-12/52> cosp:statedAdministration <administration/KOR-lee-myung-bak>
} }
