//go:build !amd64 || purego

package envelope

import "runtime"

// scrubbedStack is enough for the deepest of the standard library's cipher and
// hash routines with their callers below this package; a test measures it.
const scrubbedStack = 4096

// reserveStack makes sure that the stack has room for scrubbedStack bytes, so
// that it does not grow, and leave its old copy behind, inside a cipher call.
func reserveStack() { scrub() }

// scrub zeroes the scrubbedStack bytes of stack below its caller, where the
// calls that the caller has made before kept their locals. Registers are out of
// its reach.
//
//go:noinline
func scrub() {
	var below [scrubbedStack]byte
	zero(&below)
}

//go:noinline
func zero(b *[scrubbedStack]byte) {
	clear(b[:])
	runtime.KeepAlive(b)
}
