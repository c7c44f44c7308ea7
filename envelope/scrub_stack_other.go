//go:build !amd64 || purego

package envelope

import "runtime"

// scrubbed is the stack that scrub zeroes, in bytes. The portable ciphers and
// hashes need 1.1 KiB on amd64; frames differ a little from one processor to the
// next.
const scrubbed = 2048

// reserveStack makes the stack grow now if it has less room than scrub needs.
func reserveStack() { scrub() }

// scrub zeroes the stack below its caller, where what the caller has called
// before kept its locals. The registers are left to whatever runs next.
//
//go:noinline
func scrub() {
	var below [scrubbed]byte
	zero(&below)
}

//go:noinline
func zero(b *[scrubbed]byte) {
	clear(b[:])
	runtime.KeepAlive(b)
}
