//go:build amd64 && !purego

package envelope

// reserveStack makes sure that the stack has room for scrubbedStack bytes, so
// that it does not grow, and leave its old copy behind, inside a cipher call.
func reserveStack()

// scrub zeroes the scrubbedStack bytes of stack below its caller, where the
// calls that the caller has made before kept their locals, and the registers.
func scrub()
