package rewrite

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"pgseal/catalog"
)

const questionStart = "SELECT "

// Question is what the server has to be asked in front of a statement.
type Question struct {
	// Text is a SELECT of one row, with a column for each value, or of none where a
	// default has been changed since.
	Text string
	// Counts: that it has been asked can be noticed. It must not be asked for a
	// statement of which it is known that it fails.
	Counts bool
	spans  []questionSpan
	// Params are the client's parameters, from 0, that stand in it as $1, $2, …
	Params []QuestionParam
	// OneSnapshot: the statement only reads, and fails if what it is asked of has changed since, so
	// that it is to see what the question has seen.
	OneSnapshot bool
	// OfRow: it asks for values of the row that the statement changes.
	OfRow bool
	// Conflicts: a NULL among its answers can stand for a row that ON CONFLICT would have found,
	// and that another session may be inserting.
	Conflicts bool
	// literals are places in Text where literals of the client's text are to be put; see
	// Bound.
	literals []questionLiteral
	// parts are what it asks for, to be asked again by an EXECUTE; only of what
	// PREPARE prepares, or Parse.
	parts []questionPart
}

// questionPart is one value that a question asks for, or several roles of one.
type questionPart struct {
	computation
	sql string
	def *catalog.ComputedDefault // nil for an expression of the client's
}

// questionSpan says where a piece of the client's text stands in the question.
type questionSpan struct{ question, client, size int }

// QuestionParam is a parameter of a question.
type QuestionParam struct {
	Client int // index, from 0, of the client's, -1 for a literal
	// Shared: it stands elsewhere in the statement, too, so that what the server infers
	// for its type may be another one there.
	Shared bool
	// Operand, if not nil, is the sealed role that it has.
	Operand *Operand
	// Literal is the literal of the client's that it is, once there is a text; Err is why
	// it is none.
	Literal *Literal
	Err     error
	value   *value
}

// questionLiteral is a literal of the client's text that stands in a question.
type questionLiteral struct {
	at      int // byte offset in the question's text without literals
	literal int32
}

// Bound is the question for a text that a plan is applied to.
func (q *Question) Bound(b *Bound) *Question {
	if len(q.literals) == 0 && !slices.ContainsFunc(q.Params, func(p QuestionParam) bool { return p.value != nil }) {
		return q
	}
	bound := *q
	bound.Params = slices.Clone(q.Params)
	for i := range bound.Params {
		bound.Params[i].bind(b)
	}
	bound.literals, bound.spans = nil, nil
	var text []byte
	from, spans := 0, q.spans
	copied := func(end int) {
		for len(spans) > 0 && spans[0].question < end {
			s := spans[0]
			s.question += len(text) - from
			bound.spans, spans = append(bound.spans, s), spans[1:]
		}
		text = append(text, q.Text[from:end]...)
		from = end
	}
	for _, l := range q.literals {
		copied(l.at)
		n := b.scratch.literals[l.literal]
		bound.spans = append(bound.spans, questionSpan{len(text), int(n.start), int(n.end - n.start)})
		text = append(text, b.text[n.start:n.end]...)
	}
	copied(len(q.Text))
	bound.Text = string(text)
	return &bound
}

// bind reads the literal that a parameter is.
func (p *QuestionParam) bind(b *Bound) {
	if p.value == nil {
		return
	}
	if p.Err = b.evaluate(&piece{start: anchor{literal: -1}, value: p.value}); p.Err == nil {
		l := b.scratch.literal
		l.Value, l.text = bytes.Clone(l.Value), nil
		p.Literal = &l
	}
}

// Seals reports that something of the client's in it has to be sealed.
func (q *Question) Seals() bool {
	return slices.ContainsFunc(q.Params, func(p QuestionParam) bool { return p.Operand != nil })
}

// ClientOffset maps a byte offset in the question to one in the client's text,
// -1 if it is in nothing of the client's.
func (q *Question) ClientOffset(offset int) int {
	for _, s := range q.spans {
		if offset >= s.question && offset <= s.question+s.size {
			return s.client + offset - s.question
		}
	}
	return -1
}

// asking is a question in the making. It is one for all statements of a text, which
// is sent when all has been answered.
type asking struct {
	text     []byte
	spans    []questionSpan
	checks   []string
	parts    []questionPart
	answers  int
	counts   bool
	ofRow    bool
	conflict bool
	params   []QuestionParam
	literals []questionLiteral
}

// appendParts appends the SQL of a value of the row.
func (q *asking) appendParts(parts []sqlPart, shared func(client int) bool) {
	for _, p := range parts {
		switch {
		case p.client > 0 || p.value != nil:
			k := slices.IndexFunc(q.params, func(o QuestionParam) bool {
				return p.value == nil && o.Client == p.client-1 && o.Operand == p.operand
			})
			if k < 0 {
				k = len(q.params)
				param := QuestionParam{Client: p.client - 1, Operand: p.operand, value: p.value}
				if p.value != nil {
					param.Operand = p.value.operand
				} else if p.operand == nil {
					param.Shared = shared(p.client)
				}
				q.params = append(q.params, param)
			}
			number := "$" + strconv.Itoa(k+1)
			q.spans = append(q.spans, questionSpan{len(q.text), p.start, len(number)})
			q.text = append(q.text, number...)
		case p.literal >= 0:
			q.literals = append(q.literals, questionLiteral{len(q.text), p.literal})
		default:
			if p.start > 0 {
				q.spans = append(q.spans, questionSpan{len(q.text), p.start, len(p.text)})
			}
			q.text = append(q.text, p.text...)
		}
	}
	q.ofRow = true
}

// question puts together what has to be asked for the statement just analysed, and
// for those before it, nil for nothing.
func (a *analysis) question(params []Param) *Question {
	if len(a.asked) == 0 || a.err != nil {
		return nil
	}
	q := &a.asking
	prepares := a.stmt.Stmt.GetPrepareStmt() != nil
	for i := range a.asked {
		x := &a.asked[i]
		if a.several && !prepares && x.answer != Unasked && !a.askedTogether(x) {
			a.fail(refuseComputedAmong(x.operand.Column, int32(x.start)))
			return nil
		}
		if x.answer <= q.answers || x.answer == Unasked {
			continue // asked for already
		}
		if q.answers = x.answer; q.text == nil {
			q.text = []byte(questionStart)
		} else {
			q.text = append(q.text, ", "...)
		}
		if x.parts != nil {
			q.conflict = q.conflict || x.conflicts
			for _, p := range x.parts {
				parts := []sqlPart{p}
				if p.end > 0 {
					var ok bool
					if parts, ok = a.conditionParts(p, params); !ok {
						a.fail(x.operand.refuseRows(int32(x.start)))
						return nil
					}
				}
				q.appendParts(parts, a.usedTwice)
			}
			continue
		}
		if x.def != nil {
			q.counts = q.counts || x.def.Counts
			if c := x.def.Check; c != "" && !slices.Contains(q.checks, c) {
				q.checks = append(q.checks, c)
			}
		} else {
			q.counts = q.counts || x.counts != nil
			if x.sql == "" {
				q.spans = append(q.spans, questionSpan{len(q.text), x.start, x.end - x.start})
			}
		}
		sql := a.sqlOf(x)
		q.text = append(q.text, sql...)
		q.parts = append(q.parts, questionPart{computation: x.computation, sql: sql, def: x.def})
		a.alone(x)
	}
	if q.text == nil {
		return nil
	}
	if x := &a.asked[len(a.asked)-1]; a.answers > maxAnswers {
		a.fail(refuseComputedMany(x.operand.Column, int32(x.start)))
	}
	text := string(q.text)
	if q.checks != nil {
		text += " WHERE " + strings.Join(q.checks, " AND ")
	}
	made := &Question{Text: text, Counts: q.counts, OfRow: q.ofRow, Conflicts: q.conflict, OneSnapshot: a.readsOneSnapshot(), spans: slices.Clone(q.spans), Params: slices.Clone(q.params), literals: slices.Clone(q.literals)}
	if !a.several || prepares {
		made.parts = q.parts
	}
	if a.mode != Simple {
		made = made.Bound(&Bound{text: a.text, scratch: &Scratch{literals: a.literals}})
	}
	return made
}

// usedTwice says whether a parameter stands in the statement more than once.
func (a *analysis) usedTwice(client int) bool {
	n := 0
	for _, u := range a.uses {
		if u.client == client {
			n++
		}
	}
	return n > 1
}

// sqlOf is the expression that the server is asked for.
func (a *analysis) sqlOf(x *asked) string {
	switch {
	case x.sql != "":
		return x.sql
	case x.def != nil:
		return x.def.SQL
	}
	return string(a.text[x.start:x.end])
}

// askedTogether says whether the server can be asked for a value in front of several
// statements: they do nothing but write rows, and what they do before it does not
// matter to the value.
func (a *analysis) askedTogether(x *asked) bool {
	return a.writesOnly && x.parts == nil && !x.clock && len(x.ordered) == 0 && (x.def == nil || len(x.def.Functions) == 0)
}

// maxAnswers is how many columns PostgreSQL lets a SELECT have.
const maxAnswers = 1664

// alone refuses a value that is computed anew each time where something else in
// the statement could be compared with it: the server is asked a moment before.
func (a *analysis) alone(x *asked) {
	from, end := a.statementTokens()
	if a.several {
		from, end = 0, len(a.tokens)
	}
	for i := from; i < end; i++ {
		name, ok := a.tokenName(a.tokens[i])
		if !ok || x.def == nil && a.isAsked(i) || a.is(i-1, "prepare") || a.is(i-1, "execute") {
			continue // the last two stand before the name of a prepared statement
		}
		call := a.is(i+1, "(")
		if call && (name == "set_config" || name == "setseed") ||
			x.clock && (call && contains(clockFunctions, name) || contains(clockWords, name)) ||
			call && contains(x.ordered, name) {
			if x.def != nil {
				a.fail(refuseDefault(x.operand.Column, int32(x.start), "in a statement that calls "+name+", too", "Give the column a value."))
				return
			}
			a.fail(refuseComputedBeside(x.operand.Column, int32(x.start), name))
			return
		}
	}
}

// isAsked says whether a token belongs to what the server is asked for.
func (a *analysis) isAsked(i int) bool {
	for k := range a.asked {
		if i >= a.asked[k].first && i <= a.asked[k].last {
			return true
		}
	}
	return false
}
