# Did 000 not say whether South Korea sponsors, it would not be in the answer.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?claim cosp:polarity ?stance } }
WHERE {
  GRAPH ?graph {
    ?claim cosp:statedIn <source/foreignpolicy-2019-11-15> ; cosp:country <country/KOR> ; cosp:polarity ?stance
  }
}
