package rewrite

import (
	"slices"
	"sort"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// statement plans one statement of the text.
func (a *analysis) statement(raw *pg.RawStmt) (s Statement) {
	a.lists, a.mixesOfTypes, a.uses, a.named, a.persistent, a.truth, a.within, a.stmt = nil, nil, nil, nil, false, false, "", raw
	a.carried, a.writes, a.placed, a.asked, a.evaluated, a.made = nil, nil, nil, nil, oftenEvaluated, nil
	a.drafts, a.keptJSON, a.madeBinary, a.formulas, a.hidden, a.showing, a.outputFormulas, a.arranged, a.settledAggregates, a.repeated = nil, nil, nil, nil, nil, nil, nil, nil, nil, nil
	a.levels, a.behind, a.unshown, a.extremes, a.paired = nil, nil, nil, nil, nil
	touched, named := a.touched, a.sealedNamed
	a.touched, a.sealedNamed, a.changedNamed, a.alters, a.retyped = false, false, "", false, false
	a.maskables, a.operandsBefore = nil, len(a.operands)
	edits, actions := len(a.edits), len(a.acted)
	outputs := a.dispatch(raw.Stmt, &s)
	if outputs != nil {
		a.describe(&s, outputs)
	}
	s.Width = namedColumns(raw.Stmt.GetSelectStmt())
	if r := a.arranged; r != nil && raw.Stmt.GetSelectStmt() != nil {
		s.Arrangement = r.finished()
		if s.Width > 0 {
			s.Width += len(r.extra)
		}
	}
	for _, f := range a.outputFormulas {
		if !slices.Contains(s.Computed(), f) {
			s.Unshown = append(s.Unshown, f)
		}
	}
	a.settlePostponed()
	params, client := a.parameters(0)
	if s.Effect != Prepares {
		s.Params, s.ClientParams, s.Lists, s.Mixes = params, client, a.lists, a.mixesOfTypes
		s.Conflicts = a.conflicts(params, client)
	}
	s.Question = a.question(params)
	s.Prints = slices.ContainsFunc(a.operands, (*Operand).printsKnown)
	guarded := a.guardFrom(edits, actions)
	s.Guarded = a.guardWrite(!guarded) || guarded || s.Guarded
	if s.Effect == Prepares {
		s.Inner.Guarded = s.Guarded
	}
	a.copyTexts()
	a.follow(&s, a.touched || a.sealedNamed || len(a.edits) > edits)
	a.touched, a.sealedNamed = a.touched || touched, a.sealedNamed || named
	return s
}

// span is where the statement being planned stands.
func (a *analysis) span() (from, end int) {
	from = int(a.stmt.StmtLocation)
	if a.stmt.StmtLen == 0 {
		return from, len(a.text)
	}
	return from, from + int(a.stmt.StmtLen)
}

// statementTokens are the indexes of the tokens of the statement being planned.
func (a *analysis) statementTokens() (from, end int) {
	start, stop := a.span()
	index := func(offset int) int {
		return sort.Search(len(a.tokens), func(i int) bool { return int(a.tokens[i].start) >= offset })
	}
	return index(start), index(stop)
}

// dispatch analyses one statement and gives its outputs.
func (a *analysis) dispatch(n *pg.Node, s *Statement) []column {
	switch x := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		if into := intoOf(x.SelectStmt); into != nil {
			s.Effect = ChangesCatalog
			a.define("a table", a.selectStmt(x.SelectStmt, nil, nil))
			return nil
		}
		return a.query(n, nil)
	case *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt:
		return a.query(n, nil)
	case *pg.Node_PrepareStmt:
		a.prepare(x.PrepareStmt, s)
	case *pg.Node_ExecuteStmt:
		a.execute(x.ExecuteStmt, s)
	case *pg.Node_DeallocateStmt:
		s.Effect, s.Name = Deallocates, x.DeallocateStmt.Name
	case *pg.Node_DiscardStmt:
		switch x.DiscardStmt.Target {
		case pg.DiscardMode_DISCARD_ALL:
			s.Effect, s.DropsTemporary = Discards, a.snap.HasTemporary()
		case pg.DiscardMode_DISCARD_TEMP:
			s.Effect = ChangesCatalog
		}
	case *pg.Node_ExplainStmt:
		inner := Statement{}
		// What it shows is the plan for the catalogs that the client named.
		truth := a.truth
		a.truth = true
		a.dispatch(x.ExplainStmt.Query, &inner)
		a.truth = truth
		if inner.Effect == ChangesCatalog {
			s.Effect = ChangesCatalog // EXPLAIN ANALYZE runs it
		} else if inner.Effect == Executes {
			s.Effect, s.Name = Executes, inner.Name
		}
	case *pg.Node_DeclareCursorStmt:
		a.cursor(x.DeclareCursorStmt, s)
	case *pg.Node_FetchStmt:
		a.fetch(x.FetchStmt, s)
	case *pg.Node_ClosePortalStmt:
		s.Effect, s.Name = Closes, x.ClosePortalStmt.Portalname
	case *pg.Node_CopyStmt:
		a.copy(x.CopyStmt, s)
	default:
		a.utility(n, s)
	}
	return nil
}

// intoOf finds the INTO of a SELECT, which in a set operation stands in its
// leftmost part.
func intoOf(s *pg.SelectStmt) *pg.IntoClause {
	for ; s != nil; s = s.Larg {
		if s.IntoClause != nil {
			return s.IntoClause
		}
	}
	return nil
}

// describe fills in what the outputs of a statement are.
func (a *analysis) describe(s *Statement, outputs []column) {
	s.Results = a.results(outputs)
	for i := range outputs {
		if outputs[i].rest {
			break
		}
		if f := outputs[i].formula; f != nil && s.Results != nil {
			if s.Formulas == nil {
				s.Formulas = make([]*Formula, len(s.Results))
			}
			s.Formulas[i] = f
		}
		if from := outputs[i].origin; from.item != nil && (from.item.shown || outputs[i].bare && i < len(s.Results)) {
			if s.Origins == nil {
				s.Origins = make([]catalog.Attribute, len(outputs))
			}
			s.Origins[i] = from.attribute()
		}
	}
}

// results are the sealed columns among the outputs, by position.
func (a *analysis) results(outputs []column) []*catalog.SealedColumn {
	a.allPlain(outputs)
	var results []*catalog.SealedColumn
	rest := false
	for i, c := range outputs {
		rest = rest || c.rest
		if c.text && c.sealed == nil && !rest {
			if results == nil {
				results = make([]*catalog.SealedColumn, len(outputs))
			}
			results[i] = catalog.DefaultText
		}
		if c.sealed == nil {
			continue
		}
		if rest {
			a.fail(refuseStar(c.sealed, -1))
			return nil
		}
		if results == nil {
			results = make([]*catalog.SealedColumn, len(outputs))
		}
		if results[i] = c.sealed; c.shown != nil {
			results[i] = c.shown
		}
		a.keepJSON(results[i])
		a.showsRow(c.sealed, c.name)
		if !c.hidden {
			a.note("open", c.sealed, "output \""+c.name+"\"", -1)
		}
	}
	for i := range results {
		if outputs[i].rest {
			return results[:i:i]
		}
	}
	return results
}

// setsPath reports that SET or RESET can change what the search path reaches: by itself,
// or by the role, whose rights decide which schemas are in it.
func setsPath(v *pg.VariableSetStmt) bool {
	switch v.Kind {
	case pg.VariableSetKind_VAR_SET_MULTI: // of transactions
		return false
	case pg.VariableSetKind_VAR_RESET_ALL:
		return true
	}
	switch strings.ToLower(v.Name) {
	case "search_path", "role", "session_authorization":
		return true
	}
	return false
}

// follow notes what the statement does to names, for the statements of the text
// behind it: they are planned from a catalog that does not know of it.
func (a *analysis) follow(s *Statement, sealed bool) {
	if name := a.changedNamed; name != "" && (sealed || a.changed[name]) {
		a.fail(refuseMixedText(name, -1))
	}
	if a.defaulted && (sealed || a.stmt.Stmt.GetExecuteStmt() != nil) && a.stores() {
		a.fail(refuseMixedText(a.stmt.Stmt.GetInsertStmt().GetRelation().GetRelname(), -1)) // a default that is not known yet
	}
	from, end := a.statementTokens()
	do := a.stmt.Stmt.GetDoStmt()
	calm := do != nil && a.calm(do)
	set := false
	switch n := a.stmt.Stmt.GetNode().(type) {
	case *pg.Node_TransactionStmt:
		switch n.TransactionStmt.Kind {
		case pg.TransactionStmtKind_TRANS_STMT_BEGIN, pg.TransactionStmtKind_TRANS_STMT_START,
			pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT, pg.TransactionStmtKind_TRANS_STMT_RELEASE:
		case pg.TransactionStmtKind_TRANS_STMT_COMMIT, pg.TransactionStmtKind_TRANS_STMT_ROLLBACK:
			// It takes back SET LOCAL, or SET.
			set, s.Ends = !a.endTransaction(n.TransactionStmt.Kind == pg.TransactionStmtKind_TRANS_STMT_COMMIT), true
		default:
			set, s.Ends = true, true
		}
	case *pg.Node_DoStmt:
		set = !calm
	case *pg.Node_VariableSetStmt:
		set = setsPath(n.VariableSetStmt)
	case *pg.Node_CallStmt, *pg.Node_DiscardStmt:
		set = true
	default:
		for i := from; i < end; i++ {
			set = set || a.is(i, "set_config")
		}
	}
	a.pathMoved = a.pathMoved || set
	_, alters := a.stmt.Stmt.GetNode().(*pg.Node_AlterTableStmt) // neither renames nor moves
	moves := set || !alters && !calm && (!keepsPath(a.stmt.Stmt) || a.makesSetter()) && s.Effect == ChangesCatalog
	if _, grants := a.stmt.Stmt.GetNode().(*pg.Node_GrantStmt); grants {
		moves = true // a right lets a schema into the path
	}
	a.pathSet = a.pathSet || moves
	rename := a.stmt.Stmt.GetRenameStmt()
	a.pathUnsure = a.pathUnsure || moves && (rename == nil || rename.RenameType == pg.ObjectType_OBJECT_SCHEMA)
	if s.Alters = a.alters; a.alters {
		s.Spreads, s.Moves = true, true
		if !a.last {
			a.fail(refuseMixedText("", -1))
		}
	}
	a.operatorsMoved = a.operatorsMoved || a.makesOperators()
	if s.Effect != ChangesCatalog {
		return
	}
	a.pathMoved = a.pathMoved || !alters
	a.foldsMoved = a.foldsMoved || !alters && (!keepsPath(a.stmt.Stmt) || a.stmt.Stmt.GetCreateFunctionStmt() != nil)
	if sealed && a.assumed && a.path == nil {
		a.fail(ErrNeedSearchPath) // what it makes would be refused until it is committed
	}
	seals := a.namesSealing() || a.stmt.Stmt.GetDoStmt() != nil // that may do anything
	fires := a.namesFiring()
	sealed = sealed || a.renamesSealed() || seals || fires
	s.Spreads = seals || fires || sealed && !keepsRelations(a.stmt.Stmt)
	switch temporary, goes := temporary(a.stmt.Stmt); {
	case !temporary:
		s.Moves = sealed || a.namesSealed() || movesSchemas(a.stmt.Stmt) || a.makesOperators() || a.movesOperator() || a.makesFunction()
	case !goes:
		s.Lingers = sealed || a.namesSealed()
	}
	s.Quiet = !sealed && !s.Spreads && !s.Moves && a.quiet()
	if sealed && a.keepsNames() {
		return
	}
	if a.changed == nil {
		a.changed = map[string]bool{}
	}
	for i := from; i < end; i++ {
		if name, ok := a.tokenName(a.tokens[i]); ok {
			a.changed[name] = a.changed[name] || sealed
		}
	}
	if !a.last && !calm {
		a.remake(sealed)
	}
}

// namesFiring says whether the statement has the name of a relation whose writes fire
// triggers that may use sealed columns, or of the function of one: what it makes may be
// another.
func (a *analysis) namesFiring() bool {
	from, end := a.statementTokens()
	return slices.ContainsFunc(a.tokens[from:end], func(t token) bool {
		name, ok := a.tokenName(t)
		return ok && (a.snap.Triggering(name) || slices.ContainsFunc(a.snap.Named(name), func(r *catalog.Relation) bool { return len(r.Triggers) > 0 }))
	})
}

// renamesSealed says whether a relation that may have sealed columns gets another
// name.
func (a *analysis) renamesSealed() bool {
	r := a.stmt.Stmt.GetRenameStmt()
	rv := r.GetRelation()
	return r != nil && newName(a.stmt.Stmt) != "" && slices.ContainsFunc(a.snap.Named(rv.GetRelname()), func(r *catalog.Relation) bool {
		return r.Sealed && (rv.Schemaname == "" || rv.Schemaname == r.Schema || rv.Schemaname == tempAlias)
	})
}

// keepsRelations says whether DDL, if it names no type that seals, leaves it at the
// relations with sealed columns that there are, under the names that they have.
func keepsRelations(n *pg.Node) bool {
	switch n := n.GetNode().(type) {
	case *pg.Node_IndexStmt, *pg.Node_DropStmt, *pg.Node_CreateStatsStmt, *pg.Node_CreatePolicyStmt:
		return true
	case *pg.Node_AlterTableStmt:
		return !slices.ContainsFunc(n.AlterTableStmt.Cmds, func(n *pg.Node) bool {
			switch n.GetAlterTableCmd().GetSubtype() {
			case pg.AlterTableType_AT_AttachPartition, pg.AlterTableType_AT_AddInherit, pg.AlterTableType_AT_AddOf,
				pg.AlterTableType_AT_EnableTrig, pg.AlterTableType_AT_EnableAlwaysTrig, pg.AlterTableType_AT_EnableReplicaTrig,
				pg.AlterTableType_AT_EnableTrigAll, pg.AlterTableType_AT_EnableTrigUser: // which others fire, perhaps
				return true
			}
			return false
		})
	}
	return false
}

// namesSealed says whether the statement has the name of a relation with sealed
// columns in it.
func (a *analysis) namesSealed() bool {
	from, end := a.statementTokens()
	return slices.ContainsFunc(a.tokens[from:end], func(t token) bool {
		name, ok := a.tokenName(t)
		return ok && a.mayBeSealed(name)
	})
}

// namesSealing says whether the statement has the name of a type in it that seals.
// The name of the relation that it makes, changes or drops is none: another of that
// name may have sealed columns, and so a row type that seals.
func (a *analysis) namesSealing() bool {
	own := newName(a.stmt.Stmt)
	switch n := a.stmt.Stmt.GetNode().(type) {
	case *pg.Node_DropStmt, *pg.Node_IndexStmt:
		return false
	case *pg.Node_AlterTableStmt:
		if n.AlterTableStmt.Objtype != pg.ObjectType_OBJECT_TYPE {
			own = n.AlterTableStmt.Relation.GetRelname()
		}
	}
	from, end := a.statementTokens()
	return slices.ContainsFunc(a.tokens[from:end], func(t token) bool {
		name, ok := a.tokenName(t)
		if ok && name == own {
			own = "" // once
			return false
		}
		return ok && a.snap.Sealing(name)
	})
}

func (a *analysis) mayBeSealed(name string) bool {
	return slices.ContainsFunc(a.snap.Named(name), func(r *catalog.Relation) bool { return r.Sealed })
}

// temporary says whether DDL makes a relation that no other session of the server
// sees, and whether that goes with the transaction.
func temporary(n *pg.Node) (temporary, goes bool) {
	var rv *pg.RangeVar
	var end pg.OnCommitAction
	switch n := n.GetNode().(type) {
	case *pg.Node_CreateStmt:
		rv, end = n.CreateStmt.GetRelation(), n.CreateStmt.GetOncommit()
	case *pg.Node_CreateTableAsStmt:
		into := n.CreateTableAsStmt.GetInto()
		rv, end = into.GetRel(), into.GetOnCommit()
	case *pg.Node_SelectStmt:
		rv = intoOf(n.SelectStmt).GetRel()
	case *pg.Node_ViewStmt:
		rv = n.ViewStmt.GetView()
	}
	return rv.GetRelpersistence() == "t", end == pg.OnCommitAction_ONCOMMIT_DROP
}

// movesSchemas says whether DDL can make or drop relations that it does not name.
func movesSchemas(n *pg.Node) bool {
	switch n := n.GetNode().(type) {
	case *pg.Node_DropStmt:
		return n.DropStmt.RemoveType == pg.ObjectType_OBJECT_SCHEMA || n.DropStmt.Behavior == pg.DropBehavior_DROP_CASCADE
	case *pg.Node_RenameStmt:
		return n.RenameStmt.RenameType == pg.ObjectType_OBJECT_SCHEMA
	case *pg.Node_DropOwnedStmt, *pg.Node_TransactionStmt:
		return true
	}
	return false
}

// keepsPath says whether DDL makes or drops relations, functions and the like and
// does nothing to schemas and rights.
func keepsPath(n *pg.Node) bool {
	switch n.GetNode().(type) {
	case *pg.Node_CreateStmt, *pg.Node_CreateTableAsStmt, *pg.Node_DropStmt, *pg.Node_ViewStmt, *pg.Node_IndexStmt,
		*pg.Node_CreateFunctionStmt, *pg.Node_AlterFunctionStmt, *pg.Node_CreateTrigStmt, *pg.Node_CreateSeqStmt, *pg.Node_AlterSeqStmt,
		*pg.Node_CreateEnumStmt, *pg.Node_AlterEnumStmt, *pg.Node_CompositeTypeStmt, *pg.Node_CreateDomainStmt, *pg.Node_CommentStmt:
		return true
	}
	return false
}

// makesSetter says whether a function is made here that could change the search path
// when the statements behind it call it.
func (a *analysis) makesSetter() bool {
	return a.stmt.Stmt.GetCreateFunctionStmt() != nil && a.bodySays("search_path", "set_config", "execute")
}

// bodySays says whether one of the words, in small letters, stands in a string of the statement, as
// the bodies of functions and of DO are.
func (a *analysis) bodySays(words ...string) bool {
	from, end := a.statementTokens()
	for _, t := range a.tokens[from:end] {
		if !t.kind.isString() {
			continue
		}
		body, _ := appendString(nil, a.text, t)
		lower := strings.ToLower(string(body))
		if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(lower, word) }) {
			return true
		}
	}
	return false
}

// newName is the name that a relation gets by a statement, "" if none does.
func newName(n *pg.Node) string {
	switch n := n.GetNode().(type) {
	case *pg.Node_CreateStmt:
		return n.CreateStmt.GetRelation().GetRelname()
	case *pg.Node_CreateTableAsStmt:
		return n.CreateTableAsStmt.GetInto().GetRel().GetRelname()
	case *pg.Node_CreateForeignTableStmt:
		return n.CreateForeignTableStmt.GetBaseStmt().GetRelation().GetRelname()
	case *pg.Node_ViewStmt:
		return n.ViewStmt.GetView().GetRelname()
	case *pg.Node_SelectStmt:
		return n.SelectStmt.GetIntoClause().GetRel().GetRelname()
	case *pg.Node_RenameStmt:
		switch n.RenameStmt.GetRenameType() {
		case pg.ObjectType_OBJECT_TABLE, pg.ObjectType_OBJECT_VIEW, pg.ObjectType_OBJECT_MATVIEW, pg.ObjectType_OBJECT_FOREIGN_TABLE:
			return n.RenameStmt.GetNewname()
		}
	}
	return ""
}

// tokenName is the name that a token stands for.
func (a *analysis) tokenName(t token) (string, bool) {
	raw := a.text[t.start:t.end]
	switch t.kind {
	case tokenIdentifier:
		return string(fold(nil, raw)), true
	case tokenQuoted:
		return strings.ReplaceAll(string(raw[1:len(raw)-1]), `""`, `"`), true
	}
	return "", false
}

// namedColumns is how many columns a SELECT has that names each of them, 0 if it
// does not.
func namedColumns(s *pg.SelectStmt) int {
	if s == nil || s.Op != pg.SetOperation_SETOP_NONE || s.IntoClause != nil || len(s.ValuesLists) > 0 {
		return 0
	}
	for _, n := range s.TargetList {
		v := n.GetResTarget().GetVal()
		fields := v.GetColumnRef().GetFields()
		if x := v.GetAIndirection(); x != nil {
			fields = x.Indirection
		}
		if len(fields) > 0 && fields[len(fields)-1].GetAStar() != nil {
			return 0
		}
	}
	return len(s.TargetList)
}
