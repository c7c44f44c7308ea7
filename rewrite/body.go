package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// createFunction is CREATE FUNCTION and CREATE PROCEDURE.
func (a *analysis) createFunction(x *pg.CreateFunctionStmt) {
	for _, p := range x.Parameters {
		a.plain(p.GetFunctionParameter().GetDefexpr(), nil)
	}
	if x.SqlBody != nil {
		a.defines = x
		a.functionStatements(x.SqlBody)
		a.defines = nil
	}
	a.body("this function", x.Options)
	if t := x.ReturnType; t != nil && !t.PctType && (x.SqlBody != nil || a.language(x.Options) == "sql") {
		a.typeName(t, nil) // the server would compare it with what the last query returns
	}
}

// functionStatements is a body in SQL, parsed with the definition.
func (a *analysis) functionStatements(n *pg.Node) {
	edits, actions := len(a.edits), len(a.actions)
	a.persistent = true
	for _, m := range listOf(n) {
		for _, q := range listOf(m) {
			if r := q.GetReturnStmt(); r != nil {
				a.plain(r.Returnval, nil)
				continue
			}
			for _, c := range a.query(q, nil) {
				if c.sealed != nil {
					a.fail(refuseDefinition(c.sealed, location(q), "a function"))
				}
			}
		}
	}
	if len(a.edits) > edits && a.err == nil {
		c, at := a.editedColumn(actions)
		a.fail(refuseDefinition(c, at, "a function"))
	}
	a.uses = nil // its $n are its own
}

// functionHas says whether a name that no relation has is there in the body of a function:
// that of a parameter, or its own, by which parameters can be qualified.
func (a *analysis) functionHas(name string) bool {
	return a.defines != nil && (lastString(a.defines.Funcname) == name ||
		slices.ContainsFunc(a.defines.Parameters, func(p *pg.Node) bool { return p.GetFunctionParameter().GetName() == name }))
}

// body refuses code in a string that may use a sealed column of a relation with
// its name: one that the search path reaches, or whose schema the code has, unless
// the code or its options give it a path of its own. options are those of its
// statement.
func (a *analysis) body(what string, options []*pg.Node) {
	a.cacheable = false
	code := a.codeOptions(options)
	from, end := a.statementTokens()
	for _, t := range a.tokens[from:end] {
		if !t.kind.isString() {
			continue
		}
		text, _ := appendString(nil, a.text, t)
		code.Text = string(text)
		uses := catalog.Uses(code, a.snap.Named)
		eachWord(code.Text, func(w string) { uses = append(uses, code.Through(a.snap.Uses(w))...) })
		for _, use := range uses {
			if use.Anywhere || a.pathUnsure || a.pathReaches(use.Relation) {
				a.fail(refuseBody(use.Relation.Name, use.Column, what))
				return
			}
		}
	}
}

// codeOptions reads the language and the search path among the options of CREATE
// FUNCTION or DO.
func (a *analysis) codeOptions(options []*pg.Node) catalog.Code {
	code := catalog.Code{SQL: a.stmt.Stmt.GetDoStmt() != nil}
	for _, n := range options {
		switch d := n.GetDefElem(); d.GetDefname() {
		case "language":
			language := a.language([]*pg.Node{n})
			code.SQL = language == "sql" || language == "plpgsql"
		case "set":
			set := d.GetArg().GetVariableSetStmt()
			if set.GetName() != "search_path" || set.GetKind() != pg.VariableSetKind_VAR_SET_VALUE {
				continue // FROM CURRENT: that of the session
			}
			code.OwnPath, code.Path = true, nil
			for _, arg := range set.Args {
				c := arg.GetAConst()
				code.Path = append(code.Path, a.written(a.tokenAt(c.GetLocation()), c.GetSval().GetSval()))
			}
		}
	}
	return code
}

// language is the one that the options of CREATE FUNCTION name.
func (a *analysis) language(options []*pg.Node) string {
	for _, n := range options {
		if d := n.GetDefElem(); d.GetDefname() == "language" {
			return a.written(a.tokenAt(d.Location)+1, "")
		}
	}
	return ""
}

// written is the name or the string at token i; in trees strings are masked.
func (a *analysis) written(i int, otherwise string) string {
	if i < 0 || i >= len(a.tokens) {
		return otherwise
	}
	if a.tokens[i].kind.isString() {
		text, _ := appendString(nil, a.text, a.tokens[i])
		return string(text)
	}
	if name, ok := a.tokenName(a.tokens[i]); ok {
		return name
	}
	return otherwise
}
