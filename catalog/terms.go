package catalog

import (
	"regexp"
	"strconv"
	"strings"

	"pgseal/envelope"
)

// The functions that print what stands in an index or a default open the relation,
// and would wait for whoever is altering it: one long ALTER TABLE would keep every
// session from planning anything. So terms are found in the server's own tree of the
// expressions.

// An element of an index over terms is pgseal.eq(column). What the client wrote behind
// the column, a collation, an operator class, an order, stands in it as a note that the
// server takes out again when it reads the index: pgseal.eq(CASE WHEN 'note' IS NOT NULL
// THEN column END). So it survives renaming, LIKE, partitions and dumps, and whoever may
// make the index may write it.

// TermFunction is the function of SQL that gives a term of an envelope.
func TermFunction(kind envelope.TermFlags) string {
	switch kind {
	case envelope.TermLower:
		return "pgseal.lower"
	case envelope.TermUpper:
		return "pgseal.upper"
	}
	return "pgseal.eq"
}

// TermElement is the element of an index for a term of a column, both as SQL. suffix is
// what ParseSuffix takes.
func TermElement(kind envelope.TermFlags, column, suffix string) string {
	if suffix == "" || strings.ContainsAny(suffix, `'\`) {
		return TermFunction(kind) + "(" + column + ")"
	}
	note := "'" + suffix + "'"
	if s, ok := ParseSuffix(suffix); ok && s.Collation != "" {
		note += " COLLATE " + s.Collation // which the server looks up, and keeps
	}
	return TermFunction(kind) + "(CASE WHEN " + note + " IS NOT NULL THEN " + column + " END)"
}

// Suffix is what stands behind a column in the definition of an index.
type Suffix struct {
	Collation, OpClass string // with their schemas, "" for the column's own
	Order              string // " DESC NULLS LAST", without what is the default
}

func (s Suffix) String() string {
	var b strings.Builder
	if s.Collation != "" {
		b.WriteString(" COLLATE " + s.Collation)
	}
	if s.OpClass != "" {
		b.WriteString(" " + s.OpClass)
	}
	return b.String() + s.Order
}

const qualifiedName = `(?:"(?:[^"]|"")+"|[^" .]+)\.(?:"(?:[^"]|"")+"|[^" .]+)`

var suffixes = regexp.MustCompile(`^(?: COLLATE (` + qualifiedName + `))?(?: (` + qualifiedName + `))?((?: DESC)?(?: NULLS (?:FIRST|LAST))?)$`)

// ParseSuffix reads what String gives.
func ParseSuffix(text string) (s Suffix, ok bool) {
	m := suffixes.FindStringSubmatch(text)
	if m == nil {
		return s, false
	}
	return Suffix{Collation: m[1], OpClass: m[2], Order: m[3]}, true
}

var notedTerm = regexp.MustCompile(`^pgseal\.(eq|lower|upper)\(\s*CASE\s+WHEN \(*'([^'\\]*)'[^\n]*IS NOT NULL\)? THEN \(?([^\n]+?)\)?::bytea\s+ELSE NULL::bytea\s+END\)$`)

// NotedTerm reads an element as the server prints it: the column, as SQL, and the note.
func NotedTerm(element string) (kind envelope.TermFlags, column, suffix string, ok bool) {
	m := notedTerm.FindStringSubmatch(element)
	if m == nil {
		return 0, "", "", false
	}
	switch m[1] {
	case "lower":
		kind = envelope.TermLower
	case "upper":
		kind = envelope.TermUpper
	default:
		kind = envelope.TermEquality
	}
	return kind, m[3], m[2], true
}

// indexTerms is a lateral item for an index i: terms.attnums has, for each of its
// expressions in order, the attribute of which it is a term, or NULL; terms.notes the
// bytes of its note, or NULL; terms.kinds which term it is.
const indexTerms = `LATERAL (
		         SELECT array_agg(found[3]::int2 ORDER BY number) AS attnums, array_agg(found[2] ORDER BY number) AS notes,
		                array_agg(CASE found[1]::oid WHEN to_regprocedure('pgseal.lower(bytea)') THEN 8 WHEN to_regprocedure('pgseal.upper(bytea)') THEN 16 ELSE 1 END ORDER BY number) AS kinds
		           FROM (SELECT number, regexp_match(string_agg(token, '' ORDER BY place),
		                        $re$^[{]FUNCEXPR :funcid ($re$ || concat_ws('|', to_regprocedure('pgseal.eq(bytea)')::oid, to_regprocedure('pgseal.lower(bytea)')::oid, to_regprocedure('pgseal.upper(bytea)')::oid) ||
		                        $re$) [^{}()]*:args [(](?:[{]CASE(?:EXPR)? [^{}()]*:args [(][{](?:CASE)?WHEN :expr [{]NULLTEST :arg (?:[{]COLLATE(?:EXPR)? :arg )?[{]CONST [^{}]*:constisnull false [^{}]*:constvalue [0-9]+ [[]([-0-9 ]*)[]][}](?: [^{}]*[}])?$re$ ||
		                        $re$ :nulltesttype 1 [^{}]*[}] :result )?(?:[{]RELABELTYPE :arg )?[{]VAR :varno 1 :varattno ([0-9]+) [^{}]*[}](?: [^{}]*[}]){0,2}$re$ ||
		                        $re$(?:[)] :defresult [{]CONST [^{}]*[}] [^{}]*[}])?[)] :location$re$) AS found
		                   FROM (SELECT place, token, depth, sum((token = '{' AND depth = 0)::int) OVER (ORDER BY place) AS number
		                           FROM (SELECT place, t[1] AS token,
		                                        coalesce(sum((t[1] = '{')::int - (t[1] = '}')::int) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS depth
		                                   FROM regexp_matches(i.indexprs::text, $re$[\\].|[{}]|[^{}\\]+$re$, 'g') WITH ORDINALITY AS r(t, place)) deep) numbered
		                  WHERE depth > 0 OR token = '{'
		                  GROUP BY number) element
		       ) terms`

// expressionNumber is which of its expressions the element e.n of an index is.
const expressionNumber = `(SELECT count(*) FROM generate_series(1, e.n) z WHERE i.indkey[z - 1] = 0)`

// indexTermKind is which term of that it is: see envelope.TermFlags.
const indexTermKind = `CASE WHEN term.attname IS NOT NULL THEN terms.kinds[` + expressionNumber + `] END`

// indexTerm joins the attribute, as term, of which a term is the element e.n of an index.
const indexTerm = `LEFT JOIN pg_attribute term
		         ON i.indkey[e.n - 1] = 0 AND term.attrelid = i.indrelid AND term.attnum > 0 AND NOT term.attisdropped
		        AND term.attnum = terms.attnums[` + expressionNumber + `]`

// noteText is the text of a note's bytes, as the server's tree has them: signed
// numbers, the last one 0.
func noteText(bytes string) string {
	var text []byte
	for _, field := range strings.Fields(bytes) {
		if n, err := strconv.Atoi(field); err == nil && n != 0 {
			text = append(text, byte(n))
		}
	}
	return string(text)
}
