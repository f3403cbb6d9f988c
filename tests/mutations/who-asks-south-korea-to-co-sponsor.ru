# Did 003 not say whom the letter asks to co-sponsor, nobody would be asked.

BASE <https://w3id.org/cosponsor/>
PREFIX schema: <http://schema.org/>

DELETE { GRAPH ?graph { <claim/news1-2025-10-28/04> schema:recipient ?old } }
WHERE { GRAPH ?graph { <claim/news1-2025-10-28/04> schema:recipient ?old } }
