package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// with analyses a WITH clause and puts its queries into sc.
func (a *analysis) with(w *pg.WithClause, sc *scope) {
	if w == nil {
		return
	}
	var all []*cte
	env := sc.ctes
	if w.Recursive {
		env = &ctes{byName: map[string]*cte{}, outer: sc.ctes}
	}
	for _, n := range w.Ctes {
		node := n.GetCommonTableExpr()
		if node == nil {
			continue
		}
		c := &cte{node: node, shown: sc.shown}
		all = append(all, c)
		if w.Recursive {
			env.byName[node.Ctename] = c
			c.scope = &scope{outer: sc.outer, ctes: env}
			continue
		}
		c.scope = &scope{outer: sc.outer, ctes: env}
		env = &ctes{byName: map[string]*cte{node.Ctename: c}, outer: env}
	}
	sc.ctes = env
	for _, c := range all {
		a.cteColumns(c)
	}
}

// cteColumns gives the outputs of a CTE, and analyses it when it is first
// asked for. A CTE that asks for itself gets those of its non-recursive term.
func (a *analysis) cteColumns(c *cte) []column {
	if c.state != ctePending {
		c.recursive = c.recursive || c.state == cteRunning
		return c.columns
	}
	c.state = cteRunning
	c.columns = []column{{rest: true}}
	settle := func(outputs []column) {
		c.columns = nil
		for i, o := range outputs {
			o.wraps = nil
			if i < len(c.node.Aliascolnames) && !behindRest(outputs[:i+1]) {
				o.name = c.node.Aliascolnames[i].GetString_().GetSval()
			}
			c.columns = append(c.columns, o)
		}
	}
	s := c.node.Ctequery.GetSelectStmt()
	if s != nil && s.Op != pg.SetOperation_SETOP_NONE {
		saved := a.within
		a.within = ""
		inner := &scope{outer: c.scope, ctes: c.scope.ctes}
		a.with(s.WithClause, inner)
		outputs := a.setOperation(s, inner, nil, c, settle)
		a.tail(s, inner, outputs, nil)
		a.within = saved
		settle(outputs)
	} else {
		if c.shown {
			a.showing = s
		}
		settle(a.query(c.node.Ctequery, c.scope))
	}
	a.searchAndCycle(c)
	c.state = cteDone
	return c.columns
}

// searchAndCycle are the clauses that compare and collect the columns of a
// recursive CTE, and add columns to it.
func (a *analysis) searchAndCycle(c *cte) {
	var compared, added []string
	at := int32(0)
	if s := c.node.SearchClause; s != nil {
		compared, added, at = names(s.SearchColList), []string{s.SearchSeqColumn}, s.Location
	}
	if s := c.node.CycleClause; s != nil {
		compared = append(compared, names(s.CycleColList)...)
		added = append(added, s.CycleMarkColumn, s.CyclePathColumn)
		at = s.Location
		a.plain(s.CycleMarkValue, c.scope)
		a.plain(s.CycleMarkDefault, c.scope)
	}
	if len(added) > 0 {
		a.allPlain(c.columns)
	}
	for _, o := range c.columns {
		if o.sealed != nil && contains(compared, o.name) {
			a.fail(refuseUse(o.sealed, at, "SEARCH or CYCLE"))
		}
	}
	for _, name := range added {
		c.columns = append(c.columns, column{name: name})
	}
}
