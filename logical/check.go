package logical

// Check is one CHECK of a domain.
type Check struct {
	name, text string
	// passes says whether a canonical value of the base type passes.
	passes func(canonical []byte) (bool, error)
}

// NewCheck reads a CHECK as pg_get_constraintdef() writes it. The error is an
// *Error for an expression that cannot be evaluated here exactly.
func NewCheck(name, text string, _ Type) (Check, error) {
	return Check{}, refuse("its domain has the constraint "+quoteName(name)+", which pgseal cannot check: "+text,
		"drop the constraint and let the application check, or seal another column")
}
