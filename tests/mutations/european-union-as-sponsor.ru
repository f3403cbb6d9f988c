# Did 004 call the European Union a sponsor, where it says that it led the drafting, the answer would not be empty.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

INSERT DATA { GRAPH <graph/source/keia-2020-12-09> {
  <claim/keia-2020-12-09/50> cosp:polarity cosp:polarity-sponsoring
} }
