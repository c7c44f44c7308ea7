package rewrite

import (
	"slices"
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
	text    []byte
	spans   []questionSpan
	checks  []string
	parts   []questionPart
	answers int
	counts  bool
}

// question puts together what has to be asked for the statement just analysed, and
// for those before it, nil for nothing.
func (a *analysis) question() *Question {
	if len(a.asked) == 0 || a.err != nil {
		return nil
	}
	q := &a.asking
	prepares := a.stmt.Stmt.GetPrepareStmt() != nil
	for i := range a.asked {
		x := &a.asked[i]
		if a.several && !prepares && !a.askedTogether(x) {
			a.fail(refuseComputedAmong(x.operand.Column, int32(x.start)))
			return nil
		}
		if x.answer <= q.answers {
			continue // asked for already
		}
		if q.answers = x.answer; q.text == nil {
			q.text = []byte(questionStart)
		} else {
			q.text = append(q.text, ", "...)
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
	if x := &a.asked[len(a.asked)-1]; a.answers > maxAnswers {
		a.fail(refuseComputedMany(x.operand.Column, int32(x.start)))
	}
	text := string(q.text)
	if q.checks != nil {
		text += " WHERE " + strings.Join(q.checks, " AND ")
	}
	made := &Question{Text: text, Counts: q.counts, spans: slices.Clone(q.spans)}
	if !a.several || prepares {
		made.parts = q.parts
	}
	return made
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
	return a.writesOnly && !x.clock && len(x.ordered) == 0 && (x.def == nil || len(x.def.Functions) == 0)
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
