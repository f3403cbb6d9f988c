# Were "comprehensive consideration" the words of the United States' delegation, the ministry would say nothing.

BASE <https://w3id.org/cosponsor/>
PREFIX prov: <http://www.w3.org/ns/prov#>

DELETE { GRAPH ?graph { ?it prov:agent ?old } }
INSERT { GRAPH ?graph { ?it prov:agent <organisation/USA-mission-un> } }
WHERE {
  VALUES ?it { <claim/koreaherald-2021-03-24/23#attribution-2> }
  GRAPH ?graph { ?it prov:agent ?old }
}
