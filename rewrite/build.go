package rewrite

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// built is a plan with what it takes to keep it.
type built struct {
	plan       *Plan
	literals   []span
	pathIsUsed bool
	size       int // estimate of what the plan takes in memory, in bytes
}

// maxNesting bounds how deeply a text may nest, by an upper bound counted on
// tokens. The parser recurses in C without a limit of its own, and overflowing
// its stack would end the whole process. This much was measured to need less
// than 512 KiB; threads get 2 MiB at least from glibc.
const maxNesting = 400

// source is a text taken apart.
type source struct {
	text     []byte
	tokens   []token
	literals []span
	traits   Traits
	escapes  bool // as in Request
}

// read takes a text apart; escapes as in Request. It refuses what the parser must not see.
func read(text []byte, escapes bool) (*source, *Refusal) {
	src := &source{text: text, escapes: escapes}
	l := lexer{text: text, escapes: escapes}
	var n nesting
	for {
		t, ok := l.next()
		if !ok {
			break
		}
		src.tokens = append(src.tokens, t)
		if t.kind.isLiteral() {
			src.literals = append(src.literals, span{t.start, t.end, t.kind})
		}
		switch {
		case t.kind == tokenBackslashString, t.kind == tokenOldString:
			src.traits |= TraitBackslash
		case t.kind == tokenUnicodeString && escapes:
			return nil, refuseUnicodeString(int(t.start))
		}
		if n.add(text, t) > maxNesting {
			return nil, refuseNesting(int(t.start))
		}
	}
	if l.err != lexOK {
		return nil, refuseLex(l.err, text, l.pos)
	}
	if !IsASCII(text) {
		src.traits |= TraitNonASCII
	}
	return src, nil
}

// nesting counts how deeply the tokens read so far can nest in a parse tree:
// brackets open a level; operators of one list element lean on each other, and
// so do joins and set operations up to the closing bracket.
type nesting struct {
	levels []nestingLevel
	total  int
}

type nestingLevel struct {
	chain  int // operators of this element
	sticky int // joins, set operations and the level itself
	isCase bool
}

func (n *nesting) top() *nestingLevel {
	if len(n.levels) == 0 {
		n.levels = append(n.levels, nestingLevel{})
	}
	return &n.levels[len(n.levels)-1]
}

func (n *nesting) open(isCase bool) {
	n.top()
	n.levels = append(n.levels, nestingLevel{sticky: 1, isCase: isCase})
	n.total++
}

func (n *nesting) close() {
	if len(n.levels) > 1 {
		t := n.top()
		n.total -= t.chain + t.sticky
		n.levels = n.levels[:len(n.levels)-1]
	}
}

func (n *nesting) add(text []byte, t token) int {
	top := n.top()
	switch t.kind {
	case tokenOperator:
		top.chain++
		n.total++
	case tokenPunctuation:
		switch text[t.start] {
		case '(', '[':
			n.open(false)
		case ')', ']':
			for n.top().isCase {
				n.close()
			}
			n.close()
		case ',':
			n.total -= top.chain
			top.chain = 0
		case ';':
			n.total -= top.chain + top.sticky
			top.chain, top.sticky = 0, 0
		}
	case tokenIdentifier:
		var buf [12]byte
		if int(t.end-t.start) > len(buf) {
			break
		}
		switch string(fold(buf[:0], text[t.start:t.end])) {
		case "and", "or":
			n.total -= top.chain
			top.chain = 0
		case "join", "union", "except", "intersect":
			top.sticky++
			n.total++
		case "not", "is", "isnull", "notnull", "like", "ilike", "similar", "in", "between", "collate", "at", "operator":
			top.chain++
			n.total++
		case "case":
			n.open(true)
		case "end":
			if top.isCase {
				n.close()
			}
		}
	}
	return n.total
}

func fold(dst, name []byte) []byte {
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// parse takes a text apart and parses it. With a refusal there is a source only if that
// is for a name's encoding.
func parse(text []byte, escapes bool) (*source, *pg.ParseResult, *Refusal) {
	src, refusal := read(text, escapes)
	if refusal != nil {
		return nil, nil, refusal
	}
	copied := masked(text, src.tokens)
	if !utf8.Valid(copied) {
		return src, nil, refuseNameEncoding()
	}
	tree, err := pg.Parse(string(copied))
	if err == nil {
		return src, tree, nil
	}
	if older, ok := asOlder(copied, src.tokens); ok {
		if tree, err := pg.Parse(string(older)); err == nil {
			return src, tree, nil
		}
	}
	return nil, nil, refuseSyntax(err, text, copied)
}

// build plans one text.
func build(r Request, prepared func(string) (*Statement, []uint32)) (built, error) {
	src, tree, refusal := parse(r.Text, r.Escapes)
	if refusal != nil {
		strict, text, traits := r.Snapshot.Strict(), r.Text, Traits(0)
		if src != nil && strict.ASCII() {
			text, traits = src.withoutForeign(), src.traits
		}
		if !mayTouch(strict, text, effectsCount) {
			return built{plan: &Plan{traits: traits}}, nil // the error is for the server to give
		}
		if !mayTouch(strict, text, textsCount) {
			plan := unreadDDL(r.Text) // or none: the server's grammar may be newer
			plan.traits = traits
			return built{plan: plan}, nil
		}
		refusal.Unread = refusal.Anchor == "syntax" // and not a limit of pgseal's
		return built{}, refusal
	}
	if r.Mode == Extended && len(tree.Stmts) > 1 {
		return built{}, refuseCommands() // whatever they are
	}
	if caught, ok, err := buildCaught(r, src, tree); ok || err != nil {
		return caught, err
	}
	var around []edit
	var flat *flattened
	if r.unwraps {
		var ok bool
		if around, flat, ok = src.unwrap(tree); !ok {
			return built{}, refuseDefect()
		}
	}
	a := &analysis{
		snap: r.Snapshot, path: r.Path, idle: r.Idle, fresh: r.Fresh, mode: r.Mode,
		cursors: r.Cursors, wildParams: r.Wild, declared: r.Declared, source: src, prepared: prepared, cacheable: true, several: len(tree.Stmts) > 1, writesOnly: writesOnly(tree.Stmts), mark: r.mark, flat: flat,
	}
	if flat != nil {
		a.fixed = flat.src.fixed
	}
	plan := &Plan{traits: src.traits}
	for i, raw := range tree.Stmts {
		a.last = i == len(tree.Stmts)-1
		s := a.statement(raw)
		plan.statements = append(plan.statements, s)
		if len(a.adding) > 0 {
			a.added, a.adding, a.grown = append(a.added, a.adding...), nil, nil
		}
		switch {
		case a.err == nil:
		case (a.stale || a.assumed) && !r.Fresh:
			return built{}, ErrStaleCatalog // it may be the reason
		default:
			var refusal *Refusal
			isRefusal := errors.As(a.err, &refusal)
			if isRefusal && a.path == nil && len(a.presumed) > 0 {
				return built{}, ErrNeedSearchPath // which need not lead to what is refused
			}
			if isRefusal && (refusal.Code == codeNotSupported || refusal.Code == codeUndefined || refusal.Anchor == "no-operator") {
				refusal.probe = a.probe(tree)
			}
			if !r.unwraps && isRefusal && refusal.Code == codeNotSupported && len(tree.Stmts) == 1 && mayUnwrap(tree.Stmts[0].Stmt.GetSelectStmt()) {
				b, err := unwrapped(r, prepared)
				if other := (*Refusal)(nil); !errors.As(err, &other) || other.Anchor == "order-failure" {
					return b, err
				}
			}
			if isRefusal && refusal.Code == codeNotSupported && a.unlearnt != nil { // it is why, or will be
				return built{}, refuseOrderFailure(refusal, a.unlearnt)
			}
			return built{}, a.err
		}
	}
	plan.typed = a.typed
	edits, ok := flat.moveList(slices.Concat(a.edits, a.shown, around), r.Text)
	if ok {
		plan.pieces, ok = anchored(edits, r.Text, src.literals)
	}
	if !ok {
		return built{}, refuseDefect()
	}
	plan.actions = a.actions
	plan.executes = a.executes && prepared == nil
	plan.cacheable = a.cacheable
	plan.presumed = a.presumed
	for i := range plan.statements {
		s := &plan.statements[i]
		plan.apart = plan.apart || (s.Computed() != nil || s.Arrangement != nil) && s.Effect != Declares && s.Effect != Prepares && doesMore(tree.Stmts)
	}
	if a.stale && (a.touched || a.sealedNamed) && !r.Fresh {
		return built{}, ErrStaleCatalog
	}
	if a.stale {
		plan.cacheable = false
	}
	for k := range a.fixed {
		l := src.literals[k]
		plan.fixed = append(plan.fixed, fixedLiteral{int32(k), string(r.Text[l.start:l.end])})
	}
	if len(plan.pieces) == 0 && !a.touched && plan.effectless() {
		plan.statements = nil
	}
	b := built{plan: plan, literals: src.literals, pathIsUsed: a.pathIsUsed}
	b.size = b.measure()
	return b, nil
}

// doesMore says whether one of several statements does more than read, or begin a transaction in
// front of the others.
func doesMore(statements []*pg.RawStmt) bool {
	for i, s := range statements {
		x := s.Stmt.GetTransactionStmt()
		begins := x.GetKind() == pg.TransactionStmtKind_TRANS_STMT_BEGIN || x.GetKind() == pg.TransactionStmtKind_TRANS_STMT_START
		q := s.Stmt.GetSelectStmt()
		if (q == nil || !onlyReads(q.WithClause) || intoOf(q) != nil) && s.Stmt.GetVariableShowStmt() == nil && s.Stmt.GetExplainStmt() == nil && (i > 0 || !begins) && len(statements) > 1 {
			return true
		}
	}
	return false
}

// writesOnly says whether statements do nothing but write rows, or fail: as the last
// one does that a session puts in the place of one that is refused.
func writesOnly(statements []*pg.RawStmt) bool {
	return !slices.ContainsFunc(statements, func(s *pg.RawStmt) bool {
		q := s.Stmt.GetSelectStmt()
		fails := len(q.GetTargetList()) == 1 && q.TargetList[0].GetResTarget().GetVal().GetColumnRef() != nil && len(q.FromClause) == 0
		return !fails && s.Stmt.GetInsertStmt() == nil && s.Stmt.GetUpdateStmt() == nil && s.Stmt.GetDeleteStmt() == nil
	})
}

// unreadDDL is the plan of a text that cannot be parsed, names nothing sealed
// and may be DDL.
func unreadDDL(text []byte) *Plan {
	const most = 100 // statements
	n := min(1+bytes.Count(text, []byte{';'}), most)
	plan := &Plan{statements: make([]Statement, n)}
	for i := range plan.statements {
		plan.statements[i].Effect = ChangesCatalog
	}
	return plan
}

// effectless says that no statement has an effect that the session must follow.
func (p *Plan) effectless() bool {
	for i := range p.statements {
		if p.statements[i].Effect != NoEffect || p.statements[i].Skips || p.statements[i].Alters {
			return false
		}
	}
	return true
}

// analysis is the planning of one text. The first refusal ends it: later ones
// are not recorded, and callers need not look at a.err after each step.
type analysis struct {
	*source
	snap       *catalog.Snapshot
	path       []string
	fresh      bool
	mode       Mode
	cursors    *OpenCursors // as in Request
	wildParams bool         // as in Request
	prepared   func(string) (*Statement, []uint32)
	unlearnt   *catalog.OrderFailure // why the order of a collation is not known, nil if all are that matter

	err         error
	edits       []edit
	actions     []Action
	acted       []*catalog.SealedColumn // by each of actions
	fixed       map[int]struct{}        // steering literals, by index
	stale       bool                    // an unknown relation was named
	sealedNamed bool                    // a relation with sealed columns was named
	pathIsUsed  bool
	executes    bool
	cacheable   bool
	touched     bool                   // something of the text is sealed
	persistent  bool                   // inside a view, an index, …: no value may be sealed into it
	defines     *pg.CreateFunctionStmt // whose body is looked at, nil for none
	arbiter     bool                   // inside the predicate of an index that ON CONFLICT infers

	postponed      []*constants // whose use is not decided yet
	maskables      []maskable
	masking        *masking
	operandsBefore int      // of the statement at hand
	declared       []uint32 // types of parameters
	typed          []typedParam
	standing       map[int]int             // how often parameters stand in the text
	recordSets     []*recordSet            // of which the columns are not decided yet
	uses           []use                   // of the parameters of the statement being planned
	lists          [][]int                 // of them, see Statement.Lists
	mixesOfTypes   []Mix                   // of them, see Statement.Mixes
	carried        []*catalog.SealedColumn // that are stored as the server has them, in that statement
	placed         []placed                // into which it writes by the places of columns
	writes         []write                 // of that statement
	named          []named                 // relations with sealed columns, in that statement
	operands       []*Operand              // of what was given a sealed role, in turn
	united         map[*pg.SelectStmt]bool // UNIONs that are the left side of another one
	unionParts     map[*pg.SelectStmt]bool // UNIONs whose rows the session tells apart with those of the one around
	unionsApart    map[*pg.SelectStmt]bool // UNIONs whose rows it does tell apart
	asked          []asked                 // of the server, in that statement
	answers        int                     // how many it will give, for the whole text
	asking         asking                  // the question for that
	evaluated      evaluation              // of what is being analysed
	levels         []*pg.SelectStmt        // see windowLevels
	unshown        *unshownWindows         // nil if there are none
	behind         []*pg.Node              // conditions that the session computes behind windows
	flat           *flattened              // the statement, if that is one that has been made of two
	showing        *pg.SelectStmt          // a query inside of another that shows its rows
	outputFormulas []*Formula              // of that statement
	arranged       *arranging              // its rows, nil for none
	// settledAggregates are those that the session computes, or keeps beside others.
	settledAggregates []*pg.FuncCall
	found             *foundRow     // that the UPDATE changes of which SET is being analysed
	finds             bool          // what is being analysed is a condition by which rows are found
	beside            []*pg.Node    // conditions between the ANDs that it stands between
	around            []*pg.Node    // those of WHERE around the ON of inner joins, which find no other rows
	conflicting       *foundRow     // the row that ON CONFLICT finds, if its conditions are being analysed
	copying           *copying      // of which values are stored in other columns
	formulas          []formulaUse  // whose values are parameters, in that statement
	hidden            []hiddenParam // of its formulas
	groups            int           // of uses, so far
	lastUse           int           // of parameters, so far: see use.read
	keptAll           map[int]bool  // where keepAll has edits
	sublinks          map[*pg.SubLink][]column
	asksSubqueries    bool                               // conditions can have some that the server is asked for
	asksGroups        *scope                             // whose HAVING can have some
	correlated        map[*pg.SubLink][][]string         // the names in those that are of columns around them
	unasked           map[*pg.SubLink]bool               // of those, which the server can decide without a question
	repeated          []term                             // see copyOf
	extremes          map[*pg.FuncCall]*rowRange         // see rankTests
	paired            map[*pg.Node]*pairedTest           // see pairTests
	subqueries        bool                               // formulas can have subqueries: they are of outputs, in their place
	settled           map[*pg.Node]bool                  // alternatives that are decided about
	documents         map[*pg.Node]*sealedExpr           // see document
	mixes             map[*pg.Node]*catalog.SealedColumn // of alternatives, see mixAll
	made              *catalog.Document                  // what those of the statement being planned are made of
	drafts            map[*catalog.SealedColumn]*draft
	keptJSON          []int                         // parts of made that are shown as json
	madeBinary        []int                         // and those of json documents that become jsonb
	mark              string                        // of sealed values in them
	others            map[any]*catalog.SealedColumn // see as
	sources           map[int32]*pg.SubLink         // of multiple assignments, by position
	stmt              *pg.RawStmt                   // being planned
	local             map[string]*Statement         // what the text itself prepared before
	changed           map[string]bool               // names in the DDL before, and whether that touched sealed columns
	assumed           bool                          // a name was taken for the only relation of it that is known
	presumed          []string                      // schemas in which those are, if the path is not known
	remade            remade                        // by the DDL before
	committed         remade                        // what was remade when the last transaction ended
	idle              bool                          // the text begins outside of a transaction
	added             []added                       // by DDL before
	adding            []added                       // by the statement being planned
	grown             map[uint32]*catalog.Relation  // those that have got some of them, by OID
	several           bool                          // the text has several statements
	indexNames        []string                      // names of indexes, with their schemas
	retyped           bool                          // the statement changes the type of a sealed column
	writesOnly        bool                          // all of them are INSERT, UPDATE or DELETE
	last              bool                          // nothing stands behind the statement being planned
	pathMoved         bool                          // a statement before can have changed what the search path reaches
	wild              bool                          // the session looks at what LIKE finds by a term
	foldsMoved        bool                          // a statement before can have made a function lower or upper
	operatorsMoved    bool                          // a statement before can have made an operator
	defaulted         bool                          // a statement before gives a sealed column a default that is computed
	pathSet           bool                          // and the path itself, not only by making or dropping a relation
	pathUnsure        bool                          // which schemas it reaches, that is
	alters            bool                          // the statement calls a function that may do DDL
	changedNamed      string                        // a name of changed that the statement uses
	site              Site                          // of the values compared by the operator being analysed
	within            string                        // the construct around what is being analysed, for refusals

	// See shown.go.
	shown        []edit
	showed       map[int32]bool    // where shown has edits
	truth        bool              // catalogs are not shown otherwise here
	fromFunction *pg.FuncCall      // stands in FROM itself
	fromRange    *pg.RangeFunction // is what it stands in
	deriving     bool              // the text is the definition of a system's view
	namedJoins   int               // around what is analysed: joins with names of their own
	definitions  int               // how many expressions were met that give the text of a default
}

func (a *analysis) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// tokenAt finds the token that begins at an offset, -1 if none does.
func (a *analysis) tokenAt(offset int32) int {
	lo, hi := 0, len(a.tokens)
	for lo < hi {
		m := (lo + hi) / 2
		if a.tokens[m].start < offset {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(a.tokens) && a.tokens[lo].start == offset {
		return lo
	}
	return -1
}

// literalAt finds the index of the literal that begins at an offset.
func (a *analysis) literalAt(offset int32) int {
	for lo, hi := 0, len(a.literals); lo < hi; {
		m := (lo + hi) / 2
		switch l := a.literals[m]; {
		case l.start == offset:
			return m
		case l.start < offset:
			lo = m + 1
		default:
			hi = m
		}
	}
	return -1
}

// is says whether token i is a punctuation, an operator or an unquoted word.
func (a *analysis) is(i int, what string) bool {
	if i < 0 || i >= len(a.tokens) {
		return false
	}
	t := a.tokens[i]
	return t.kind != tokenQuoted && !t.kind.isString() && foldEqual(a.text[t.start:t.end], what)
}

// closing finds the token that closes the bracket at token i, -1 if none.
func (a *analysis) closing(i int) int {
	depth := 0
	for ; i >= 0 && i < len(a.tokens); i++ {
		if a.tokens[i].kind != tokenPunctuation {
			continue
		}
		switch a.text[a.tokens[i].start] {
		case '(', '[':
			depth++
		case ')', ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// steer marks the literal at an offset, or the number whose signs begin there,
// as one that the plan depends on.
func (a *analysis) steer(offset int32) {
	k := a.literalAt(offset)
	if k < 0 {
		number, _, _ := a.signedNumber(a.tokenAt(offset))
		if number < 0 {
			return // the grammar's own: char is char(1)
		}
		k = a.literalAt(a.tokens[number].start)
	}
	if a.fixed == nil {
		a.fixed = map[int]struct{}{}
	}
	a.fixed[k] = struct{}{}
}

func (a *analysis) edit(start, end int, text string, v *value) {
	a.edits = append(a.edits, edit{start: start, end: end, text: text, value: v})
}

func (a *analysis) insert(at int, text string) { a.edit(at, at, text, nil) }

func (a *analysis) note(do string, c *catalog.SealedColumn, what string, position int32) {
	if c.Of != nil {
		c = c.Of
	}
	a.touched = true
	a.acted = append(a.acted, c)
	a.actions = append(a.actions, Action{Do: do, Column: c.String(), What: strings.TrimSpace(what), Position: int(position)})
}
