# Did the range of 002 not reach the text of 2009, the years would begin in 2010.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { <stance/koreaherald-2021-03-24/18/KOR-dprk-hrc-10> cosp:polarity ?old } }
WHERE { GRAPH ?graph { <stance/koreaherald-2021-03-24/18/KOR-dprk-hrc-10> cosp:polarity ?old } }
