package rewrite

import (
	"errors"
	"regexp"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
)

// index is CREATE INDEX: a sealed column is indexed by its equality term.
func (a *analysis) index(x *pg.IndexStmt) {
	it := a.baseItem(x.Relation)
	it.name, it.schema = x.Relation.Relname, x.Relation.Schemaname
	sc := &scope{items: []*item{it}}
	elements := a.elements(a.behindRelation(x.Relation), len(x.IndexParams))
	overTerm := false
	for i, n := range x.IndexParams {
		e := n.GetIndexElem()
		c := it.column(e.GetName())
		if of := a.foldOf(e.GetExpr(), sc); of != nil {
			a.foldIndex(x, e, of, elements, i)
			overTerm = true
			continue
		}
		if e.GetName() == "" || c == nil || c.sealed == nil {
			a.ofIndex("an index over an expression", sc, e.GetExpr())
			continue
		}
		method := x.AccessMethod == "btree" || x.AccessMethod == "hash"
		suffix, ok := a.suffixOf(e, c.sealed)
		switch {
		case !method || elements == nil:
			a.fail(refuseDefinition(c.sealed, x.Relation.Location, "an index of this kind"))
		case !ok:
			a.fail(refuseIndexSuffix(c.sealed, x.Relation.Location))
		case a.comparable(c.sealed, x.Relation.Location):
			a.indexTerm(elements, i, suffix, x.AccessMethod == "hash")
			a.note("index", c.sealed, "by equality term", a.tokens[elements[i]].start)
			overTerm = true
		}
	}
	switch {
	case it.relation == nil:
	case x.Idxname != "":
		a.indexNames = append(a.indexNames, it.relation.Schema+"."+x.Idxname)
	case overTerm:
		a.nameIndex(x, it.relation)
	}
	// INCLUDE only stores what it names: a sealed column as it is.
	a.ofIndex("an index's WHERE", sc, x.WhereClause)
}

// foldIndex puts the term of lower or upper of a column for element i of an index.
func (a *analysis) foldIndex(x *pg.IndexStmt, e *pg.IndexElem, of *sealedExpr, elements []int, i int) {
	c := of.fold.of.column
	suffix, ok := a.suffixOf(e, of.column)
	switch {
	case x.AccessMethod != "btree" && (x.AccessMethod != "hash" || suffix.Order != ""), elements == nil:
		a.fail(refuseDefinition(c, x.Relation.Location, "an index of this kind"))
	case !ok:
		a.fail(refuseIndexSuffix(of.column, x.Relation.Location))
	default:
		first, last := elements[i], elements[i]
		for depth := 0; ; last++ {
			if a.is(last, "(") {
				depth++
			} else if a.is(last, ")") {
				depth--
			}
			if depth == 0 && (a.is(last+1, ",") || a.is(last+1, ")")) {
				break
			}
		}
		a.edit(int(a.tokens[first].start), int(a.tokens[last].end), catalog.TermElement(of.column.Folded, quoteName(of.fold.of.ref.name), suffix.String()), nil)
		a.note("index", c, "by term of "+catalog.FoldName(of.column.Folded), a.tokens[first].start)
	}
}

func refuseIndexSuffix(c *catalog.SealedColumn, position int32) *Refusal {
	r := refuseDefinition(c, position, "an index with this collation or operator class")
	r.Detail = "Which values it holds equal is not for a term to say."
	r.Hint = "Index it without, or with a collation or an operator class of PostgreSQL's own for type " + c.Type.Name() + "."
	return r
}

// ofIndex analyses an expression in CREATE INDEX.
func (a *analysis) ofIndex(what string, sc *scope, n *pg.Node) {
	if a.err != nil {
		return
	}
	a.untouching(what, sc, []*pg.Node{n})
	if r, ok := errors.AsType[*Refusal](a.err); ok && r.Anchor == "sealed-expression" {
		a.err = refuseDefinition(r.Column, int32(r.Position), what)
	}
}

// indexTerm puts the term for element i of an index. What the client wrote behind the
// column goes into it as a note; a hash index has no order, which the server says.
func (a *analysis) indexTerm(elements []int, i int, suffix catalog.Suffix, hash bool) {
	first := a.tokens[elements[i]]
	if alone := a.is(elements[i]+1, ",") || a.is(elements[i]+1, ")"); alone || hash && suffix.Order != "" {
		a.insert(int(first.start), "pgseal.eq(")
		a.insert(int(first.end), ")")
		return
	}
	last := elements[i]
	for !a.is(last+1, ",") && !a.is(last+1, ")") {
		last++
	}
	name, _ := a.tokenName(first)
	a.edit(int(first.start), int(a.tokens[last].end), catalog.TermElement(envelope.TermEquality, quoteName(name), suffix.String()), nil)
}

// suffixOf reads what stands behind a sealed column in CREATE INDEX. ok is false where
// equal terms would not be the values that it holds equal, or that is not known. What
// the column has by itself is left out: the definition would not keep it either.
func (a *analysis) suffixOf(e *pg.IndexElem, c *catalog.SealedColumn) (s catalog.Suffix, ok bool) {
	t := c.Type
	if parts := names(e.Collation); len(parts) > 0 {
		if !ofPostgreSQL(parts) || !deterministic.MatchString(last(parts)) || !collatable(t) {
			return s, false
		}
		if own := a.snap.Shown().TypeOf(c).Collation; own == 0 || own != wellKnown[last(parts)] {
			s.Collation = systemCatalog + "." + quoteName(last(parts))
		}
	}
	if parts := names(e.Opclass); len(parts) > 0 {
		classes := operatorClasses(t)
		if !ofPostgreSQL(parts) || len(e.Opclassopts) > 0 || !slices.Contains(classes, last(parts)) {
			return s, false
		}
		if classes[0] != last(parts) {
			s.OpClass = systemCatalog + "." + last(parts)
		}
	}
	descending := e.Ordering == pg.SortByDir_SORTBY_DESC
	if descending {
		s.Order = " DESC"
	}
	switch {
	case e.NullsOrdering == pg.SortByNulls_SORTBY_NULLS_FIRST && !descending:
		s.Order += " NULLS FIRST"
	case e.NullsOrdering == pg.SortByNulls_SORTBY_NULLS_LAST && descending:
		s.Order += " NULLS LAST"
	}
	return s, true
}

func ofPostgreSQL(parts []string) bool {
	return len(parts) == 1 || len(parts) == 2 && parts[0] == systemCatalog
}

// deterministic are names of PostgreSQL's own collations, all of which hold nothing
// equal but the same bytes.
var deterministic = regexp.MustCompile(`^(default|C|POSIX|ucs_basic|unicode|C\.(UTF-8|utf8)|pg_c_utf8|pg_unicode_fast|[a-z]{2,3}_[A-Z]{2}(\.[A-Za-z0-9-]+)?(@[a-z]+)?|[a-zA-Z0-9-]+-x-icu)$`)

// wellKnown are the OIDs of collations that columns have.
var wellKnown = map[string]uint32{"default": 100, "C": 950, "POSIX": 951}

// keepsIndexes refuses a change of type by which an index would get a collation or an
// operator class that the server does not take for the new type.
func (a *analysis) keepsIndexes(r *catalog.Relation, attnum int16, change retyping) bool {
	shown := a.snap.Shown()
	if shown == nil || r == nil {
		return true
	}
	for i := range shown.Indexes {
		x := &shown.Indexes[i]
		for k := range x.Elements {
			e := &x.Elements[k]
			if x.Relation != r.OID || e.AttNum != attnum || !e.Term {
				continue
			}
			if e.Suffix.Collation != "" && !collatable(change.column.Type) ||
				e.Suffix.OpClass != "" && !slices.Contains(operatorClasses(change.column.Type), e.Suffix.OpClass) {
				a.fail(refuseRetype(change.was, change.at, "has an index whose collation or operator class is not one of the new type", "Drop index "+x.Name+" first."))
				return false
			}
		}
	}
	return true
}

func collatable(t logical.Type) bool {
	switch t.Shown().OID {
	case logical.OIDText, logical.OIDVarchar, logical.OIDBpchar:
		return true
	}
	return false
}

// operatorClasses are those whose equality is that of the type, its default first.
func operatorClasses(t logical.Type) []string {
	switch oid := t.Shown().OID; oid {
	case logical.OIDText, logical.OIDVarchar:
		return []string{"text_ops", "varchar_ops", "text_pattern_ops", "varchar_pattern_ops"}
	case logical.OIDBpchar:
		return []string{"bpchar_ops", "bpchar_pattern_ops"}
	default:
		return []string{ownOperatorClasses[oid]}
	}
}

var ownOperatorClasses = map[uint32]string{
	logical.OIDBool: "bool_ops", logical.OIDBytea: "bytea_ops", logical.OIDInt2: "int2_ops", logical.OIDInt4: "int4_ops",
	logical.OIDInt8: "int8_ops", logical.OIDFloat4: "float4_ops", logical.OIDFloat8: "float8_ops", logical.OIDNumeric: "numeric_ops",
	logical.OIDDate: "date_ops", logical.OIDTime: "time_ops", logical.OIDTimetz: "timetz_ops", logical.OIDTimestamp: "timestamp_ops",
	logical.OIDTimestamptz: "timestamptz_ops", logical.OIDInterval: "interval_ops", logical.OIDUUID: "uuid_ops",
	logical.OIDJSONB: "jsonb_ops", logical.OIDInet: "inet_ops", logical.OIDMacaddr: "macaddr_ops",
}
