//go:build amd64 && !purego

package envelope

// reserveStack makes the stack grow now if it has less room than scrub needs.
func reserveStack()

// scrub zeroes the stack below its caller, where what the caller has called
// before kept its locals, and the registers.
func scrub()

// hasAVX: the processor and the system know 32-byte registers, with which scrub
// takes half the time.
//
//lint:ignore U1000 scrub reads it
var hasAVX = avx()

//lint:ignore U1000 called above
func avx() bool
