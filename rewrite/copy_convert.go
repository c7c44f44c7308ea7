package rewrite

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/copyformat"
	"pgseal/logical"
)

// The server takes an envelope in binary at half the cost of its digits, so the
// data of a COPY FROM in text or CSV is converted where that is sure to mean the
// same: every option is one that is understood here and that no server refuses,
// and every plain column has a type whose values are read here as there.

// convert offers the conversion to the session, if it is possible. types are what
// the server has to find of plain columns.
func (a *analysis) convert(x *pg.CopyStmt, c *Copy, to *catalog.Relation) (types []string, converts bool) {
	if to == nil || to.Homonym || x.WhereClause != nil || c.Format.Kind == copyformat.Binary || !a.plainOptions(x.Options, c) {
		return nil, false
	}
	for i := range c.Columns {
		column := &c.Columns[i]
		if column.Operand != nil {
			continue
		}
		known := to.Column(column.Name)
		if known == nil {
			return nil, false
		}
		name, ok := convertible[known.TypeOID]
		if !ok {
			return nil, false
		}
		column.Plain = logical.Type{OID: known.TypeOID, Typmod: known.Typmod}
		if column.Plain.Typmod <= 0 {
			column.Plain.Typmod = -1
		}
		of := named{catalog: x.Relation.Catalogname, schema: x.Relation.Schemaname, name: x.Relation.Relname}
		types = append(types, of.sameType(column.Name, name))
	}
	start, end, ok := a.copySource(x)
	if !ok {
		return nil, false
	}
	a.edit(start, end, "(FORMAT binary)", &value{converts: true})
	c.Converts = true
	return types, true
}

// guardPlain makes a COPY whose data is converted say for which types of plain
// columns: see guard.go. guarded: it has a WHERE already.
func (a *analysis) guardPlain(types []string, guarded bool) {
	if len(types) == 0 {
		return
	}
	text := "true OR " + strings.Join(types, " OR ")
	if guarded {
		text = " AND (" + text + ")"
	} else {
		text = "WHERE " + text
	}
	_, end := a.statementTokens()
	last := int(a.tokens[end-1].end)
	a.edit(last, last, text, &value{converts: true})
}

// convertible are the types of plain columns that can be converted, with their
// names in pg_catalog. Of dates and times there are texts whose meaning only the
// server knows.
var convertible = map[uint32]string{
	logical.OIDBool: "bool", logical.OIDBytea: "bytea",
	logical.OIDInt2: "int2", logical.OIDInt4: "int4", logical.OIDInt8: "int8",
	logical.OIDFloat4: "float4", logical.OIDFloat8: "float8", logical.OIDNumeric: "numeric",
	logical.OIDText: "text", logical.OIDVarchar: "varchar", logical.OIDBpchar: "bpchar", logical.OIDUUID: "uuid",
}

// sameType fails when the statement is analysed if the column has another type by
// now, whose binary form could be taken for this one's.
func (n *named) sameType(column, name string) string {
	return lookBefore + lookAt + n.quoted() + ")." + quoteName(column) + ", NULL::pg_catalog." + name + ") IS NULL"
}

// copySource finds STDIN in the text: what follows it, up to the end of the
// statement, are the options.
func (a *analysis) copySource(x *pg.CopyStmt) (start, end int, ok bool) {
	i := a.tokenAt(x.Relation.Location)
	_, last := a.statementTokens()
	for depth := 0; i >= 0 && i+1 < last; i++ {
		switch {
		case a.is(i, "("):
			depth++
		case a.is(i, ")"):
			depth--
		case depth == 0 && a.is(i, "from"):
			return int(a.tokens[i+1].end), int(a.tokens[last-1].end), a.is(i+1, "stdin")
		}
	}
	return 0, 0, false
}

// plainOptions reports that the server would take the options, and that they
// mean what the format says.
func (a *analysis) plainOptions(options []*pg.Node, c *Copy) bool {
	o, f := copyOptions{analysis: a}, &c.Format
	csv := f.Kind == copyformat.CSV
	seen := map[string]bool{}
	for _, n := range options {
		d := n.GetDefElem()
		name := d.GetDefname()
		if seen[name] {
			return false
		}
		seen[name] = true
		switch name {
		case "format":
			if v := o.value(d); v != "csv" && v != "text" {
				return false
			}
		case "delimiter", "null":
		case "quote", "escape":
			if !csv {
				return false
			}
		case "header":
			if !csv || f.Header == copyformat.HeaderMatch {
				return false
			}
			if off := o.value(d); f.Header == copyformat.NoHeader && !strings.EqualFold(off, "false") && !strings.EqualFold(off, "off") {
				return false
			}
		default:
			return false
		}
		if (name == "delimiter" || name == "quote" || name == "escape") && len(o.value(d)) != 1 {
			return false
		}
	}
	if strings.ContainsAny(f.Null, "\r\n") || strings.IndexByte(f.Null, f.Delimiter) >= 0 || !isSeparator(f.Delimiter) {
		return false
	}
	if !csv {
		return f.Null == `\N` || strings.IndexByte(f.Null, '\\') < 0
	}
	return isPunctuation(f.Quote) && isPunctuation(f.Escape) && f.Quote != f.Delimiter && strings.IndexByte(f.Null, f.Quote) < 0
}

// isSeparator reports a delimiter that every server takes, in both formats.
func isSeparator(c byte) bool { return c == '\t' || c != '.' && c != '\\' && isPunctuation(c) }

// isPunctuation reports a visible character that is no letter and no digit.
func isPunctuation(c byte) bool {
	return c > ' ' && c < 0x7f && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
}
