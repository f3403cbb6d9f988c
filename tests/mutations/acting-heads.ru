# Were Hwang Kyo-ahn no acting head, no acting head would have held the powers over the Council's text of 2017.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { <head-tenure/KOR-hwang-kyo-ahn-2016> cosp:tenureCapacity ?old } }
WHERE { GRAPH ?graph { <head-tenure/KOR-hwang-kyo-ahn-2016> cosp:tenureCapacity ?old } }
