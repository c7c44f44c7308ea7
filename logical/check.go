package logical

// Check is one CHECK of a domain.
type Check struct {
	name, text string
	// passes says whether a canonical value of the base type passes.
	passes func(canonical []byte) (bool, error)
}
