# Did 003 print a date, it would not be in the answer.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

INSERT DATA { GRAPH <graph/source/news1-2025-10-28> {
  <source/news1-2025-10-28> cosp:printedDate "October 28, 2025"
} }
