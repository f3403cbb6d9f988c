# Did the case that the letter puts in 003 not speak of a refusal, it would not be in the answer.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { <claim/news1-2025-10-28/41> cosp:polarity ?old } }
WHERE { GRAPH ?graph { <claim/news1-2025-10-28/41> cosp:polarity ?old } }
