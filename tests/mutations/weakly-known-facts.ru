# Were the symbol of the Assembly's text of 2018 known from several documents, it would not be in the answer.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>

DELETE { GRAPH ?graph { ?fact cosp:confidence cosp:confidence-weak } }
INSERT { GRAPH ?graph { ?fact cosp:confidence cosp:confidence-several } }
WHERE {
  GRAPH ?graph {
    ?fact cosp:confidence cosp:confidence-weak ; rdf:subject <resolution/dprk-ga-73>
  }
}
