# Were there no other reading of "abstained" in 003, the article would speak of a vote, and the answer not be empty.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { <reading/news1-2025-10-28/from-2019-vote> cosp:alternativeTo ?old } }
WHERE { GRAPH ?graph { <reading/news1-2025-10-28/from-2019-vote> cosp:alternativeTo ?old } }
