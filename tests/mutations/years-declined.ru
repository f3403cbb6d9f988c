# Did nothing of what 002 says reach the text of 2019, two years would be left.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { ?stance cosp:polarity cosp:polarity-not-sponsoring } }
WHERE {
  GRAPH ?graph {
    ?stance cosp:statedIn <source/koreaherald-2021-03-24> ;
      cosp:resolution <resolution/dprk-hrc-40> ;
      cosp:polarity cosp:polarity-not-sponsoring
  }
}
