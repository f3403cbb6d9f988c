# Did 003 not say to whom the letter is addressed, no addressee would be known.

BASE <https://w3id.org/cosponsor/>
PREFIX schema: <http://schema.org/>

DELETE { GRAPH ?graph { ?claim schema:recipient <person/lee-jae-myung> } }
WHERE { GRAPH ?graph { ?claim schema:recipient <person/lee-jae-myung> } }
