package catalog

// The functions that print what stands in an index or a default open the relation,
// and would wait for whoever is altering it: one long ALTER TABLE would keep every
// session from planning anything. So terms are found in the server's own tree of the
// expressions.

// indexTerms is a lateral item for an index i: terms.attnums has, for each of its
// expressions in order, the attribute of which it is the equality term, or NULL.
const indexTerms = `LATERAL (
		         SELECT array_agg((regexp_match(element.tree,
		                    $re$^[{]FUNCEXPR :funcid $re$ || to_regprocedure('pgseal.eq(bytea)')::oid ||
		                    $re$ [^{}()]*:args [(](?:[{]RELABELTYPE :arg )?[{]VAR :varno 1 :varattno ([0-9]+) [^{}]*[}](?: [^{}]*[}])?[)] :location$re$))[1]::int2
		                  ORDER BY element.number) AS attnums
		           FROM (SELECT number, string_agg(token, '' ORDER BY place) AS tree
		                   FROM (SELECT place, token, depth, sum((token = '{' AND depth = 0)::int) OVER (ORDER BY place) AS number
		                           FROM (SELECT place, t[1] AS token,
		                                        coalesce(sum((t[1] = '{')::int - (t[1] = '}')::int) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS depth
		                                   FROM regexp_matches(i.indexprs::text, $re$[\\].|[{}]|[^{}\\]+$re$, 'g') WITH ORDINALITY AS r(t, place)) deep) numbered
		                  WHERE depth > 0 OR token = '{'
		                  GROUP BY number) element
		       ) terms`

// indexTerm joins the attribute, as term, whose term is the element e.n of an index.
const indexTerm = `LEFT JOIN pg_attribute term
		         ON i.indkey[e.n - 1] = 0 AND term.attrelid = i.indrelid AND term.attnum > 0 AND NOT term.attisdropped
		        AND term.attnum = terms.attnums[(SELECT count(*) FROM generate_series(1, e.n) z WHERE i.indkey[z - 1] = 0)]`
