package harness

// Step is one text that a client sends, and what the sealed side may do with it.
type Step struct {
	SQL  string
	Args []any // string in PostgreSQL's text form, or nil

	refuse    bool
	refused   string
	fails     string
	unordered bool
	simple    bool

	anyDataError bool // made by chance: see bothReject
	anyError     bool
}

// S is a step. Arguments are values in PostgreSQL's text form, or nil for NULL;
// the harness sends them as literals, as text and as binary.
func S(sql string, args ...any) Step { return Step{SQL: sql, Args: args} }

// Refused expects pgseal to refuse the statement, with SQLSTATE 0A000, a hint
// and a message that holds the text. The twin does not run it.
func (s Step) Refused(message string) Step {
	s.refuse, s.refused = true, message
	return s
}

// Fails expects both sides to fail with this SQLSTATE. Without it both may fail
// too, as long as they fail the same way; it guards a test against testing
// nothing.
func (s Step) Fails(sqlstate string) Step {
	s.fails = sqlstate
	return s
}

// Unordered compares the rows as a set with repetitions: the statement does not
// say in which order they come.
func (s Step) Unordered() Step {
	s.unordered = true
	return s
}

// Failing lets both sides fail with different errors: more than one thing can be wrong
// with the statement, and nothing says which is looked at first.
func (s Step) Failing() Step {
	s.anyError = true
	return s
}

// Simple sends the text in the simple protocol only: it holds several
// statements, or one that no other mode can send.
func (s Step) Simple() Step {
	s.simple = true
	return s
}
