package rewrite

import (
	"slices"
	"strings"
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

// question puts together what has to be asked for the statement just analysed,
// nil for nothing.
func (a *analysis) question() *Question {
	if len(a.asked) == 0 || a.err != nil {
		return nil
	}
	if x := &a.asked[0]; a.several {
		a.fail(refuseComputedAmong(x.operand.Column, int32(x.start)))
		return nil
	}
	q := &Question{}
	b := []byte(questionStart)
	answers := 0
	var checks []string
	for i := range a.asked {
		x := &a.asked[i]
		if x.answer <= answers {
			continue // asked for already
		}
		if answers = x.answer; i > 0 {
			b = append(b, ", "...)
		}
		if x.def != nil {
			b = append(b, x.def.SQL...)
			q.Counts = q.Counts || x.def.Counts
			if c := x.def.Check; c != "" && !slices.Contains(checks, c) {
				checks = append(checks, c)
			}
		} else {
			q.spans = append(q.spans, questionSpan{len(b), x.start, x.end - x.start})
			b = append(b, a.text[x.start:x.end]...)
			q.Counts = q.Counts || x.counts != nil
		}
		a.alone(x)
	}
	if checks != nil {
		b = append(append(b, " WHERE "...), strings.Join(checks, " AND ")...)
	}
	q.Text = string(b)
	if x := &a.asked[len(a.asked)-1]; a.answers > maxAnswers {
		a.fail(refuseComputedMany(x.operand.Column, int32(x.start)))
	}
	return q
}

// maxAnswers is how many columns PostgreSQL lets a SELECT have.
const maxAnswers = 1664

// alone refuses a value that is computed anew each time where something else in
// the statement could be compared with it: the server is asked a moment before.
func (a *analysis) alone(x *asked) {
	from, end := a.statementTokens()
	for i := from; i < end; i++ {
		name, ok := a.tokenName(a.tokens[i])
		if !ok || x.def == nil && a.isAsked(i) {
			continue
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
