package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// documentConstructor is documentCallOf for SQL's own constructors of JSON:
// JSON_OBJECT, JSON_ARRAY, their aggregates and JSON_SCALAR.
func (a *analysis) documentConstructor(n *pg.Node) (c documentCall, ok bool) {
	var output *pg.JsonOutput
	c.typ.OID = logical.OIDJSON
	switch x := n.GetNode().(type) {
	case *pg.Node_JsonObjectConstructor:
		c.name, c.at, output = "JSON_OBJECT", x.JsonObjectConstructor.Location, x.JsonObjectConstructor.Output
		for _, pair := range x.JsonObjectConstructor.Exprs {
			c.pair(pair.GetJsonKeyValue())
		}
	case *pg.Node_JsonArrayConstructor:
		c.name, c.at, output = "JSON_ARRAY", x.JsonArrayConstructor.Location, x.JsonArrayConstructor.Output
		for _, value := range x.JsonArrayConstructor.Exprs {
			c.value(value.GetJsonValueExpr())
		}
	case *pg.Node_JsonObjectAgg:
		c.name = "JSON_OBJECTAGG"
		c.pair(x.JsonObjectAgg.Arg)
		output, ok = c.aggregate(x.JsonObjectAgg.Constructor)
		if !ok {
			return c, false
		}
	case *pg.Node_JsonArrayAgg:
		c.name, c.spaced = "JSON_ARRAYAGG", true
		c.value(x.JsonArrayAgg.Arg)
		output, ok = c.aggregate(x.JsonArrayAgg.Constructor)
		if !ok {
			return c, false
		}
	case *pg.Node_JsonScalarExpr:
		c.name, c.at, output = "JSON_SCALAR", x.JsonScalarExpr.Location, x.JsonScalarExpr.Output
		c.args = append(c.args, documentArg{x.JsonScalarExpr.Expr, false})
	default:
		return c, false
	}
	c.undecided = output == nil && n.GetJsonScalarExpr() == nil
	return c, a.documentReturns(&c, output)
}

// givesJSON refuses a constructor without RETURNING that could give jsonb: it does if
// a value is one, which the server does not see of a sealed one.
func (a *analysis) givesJSON(c *documentCall, of *catalog.SealedColumn, sc *scope) {
	if !c.undecided {
		return
	}
	for _, arg := range c.args {
		if !a.isNoJSONB(arg.node, sc) {
			a.fail(refuseReturning(of, c.at, c.name))
			return
		}
	}
}

// isNoJSONB says whether an expression is known to be of another type than jsonb.
func (a *analysis) isNoJSONB(n *pg.Node, sc *scope) bool {
	if e := a.peek(n, sc); e != nil {
		return len(e.casts) == 0 && e.typ().OID != logical.OIDJSONB && e.column.Record == nil
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_AConst, *pg.Node_RowExpr:
		return true
	case *pg.Node_TypeCast:
		named, ok := a.typeNamed(x.TypeCast.TypeName)
		return ok && named.whole().OID != logical.OIDJSONB && named.whole().Def == nil
	case *pg.Node_ColumnRef:
		if a.rowOf(n, sc) != nil {
			return true
		}
		c := a.resolve(x.ColumnRef, sc).column
		return c != nil && c.typ != 0 && c.typ != logical.OIDJSONB
	}
	return false
}

func (c *documentCall) pair(p *pg.JsonKeyValue) {
	c.args = append(c.args, documentArg{p.GetKey(), true})
	c.value(p.GetValue())
}

// value is one that FORMAT can say to be JSON: then it is none of a sealed column.
func (c *documentCall) value(v *pg.JsonValueExpr) {
	c.args = append(c.args, documentArg{v.GetRawExpr(), v.GetFormat().GetFormatType() > pg.JsonFormatType_JS_FORMAT_DEFAULT})
}

func (c *documentCall) aggregate(g *pg.JsonAggConstructor) (output *pg.JsonOutput, ok bool) {
	c.at, c.order, c.filter, c.collects = g.GetLocation(), g.GetAggOrder(), g.GetAggFilter(), true
	return g.GetOutput(), g.GetOver() == nil
}

// documentReturns reads RETURNING.
func (a *analysis) documentReturns(c *documentCall, output *pg.JsonOutput) bool {
	c.typ.Typmod = -1
	if output == nil {
		return true
	}
	named, ok := a.typeNamed(output.TypeName)
	to := named.whole()
	if !ok || to.Typmod != -1 || output.Returning.GetFormat().GetFormatType() > pg.JsonFormatType_JS_FORMAT_DEFAULT || to.OID != logical.OIDJSON && to.OID != logical.OIDJSONB {
		return false
	}
	c.typ, c.binary = to, to.OID == logical.OIDJSONB
	return true
}
