# Did nothing follow on Japan from 002, its row of 2021 would be missing.

BASE <https://w3id.org/cosponsor/>
PREFIX cosp: <https://w3id.org/cosponsor/ontology#>

DELETE { GRAPH ?graph { <stance/koreaherald-2021-03-24/40/JPN-dprk-hrc-46> cosp:polarity ?old } }
WHERE { GRAPH ?graph { <stance/koreaherald-2021-03-24/40/JPN-dprk-hrc-46> cosp:polarity ?old } }
