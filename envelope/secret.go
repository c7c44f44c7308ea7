package envelope

import _ "unsafe" // for go:linkname

// A secret section is the code between beginSecret and endSecret. The standard
// library's ciphers leave parts of keys in the stack below and in the registers;
// endSecret zeroes both. In between, the goroutine keeps its processor, for two
// reasons: preempting it would store its registers away, and a garbage
// collection that shrinks its stack would leave the old one behind unscrubbed.
//
// A secret section must not block, lock, panic or make a system call, and must
// be short, because it holds up garbage collections.
//
// The package runtime/secret does the same and more, but only in programs built
// with GOEXPERIMENT=runtimesecret.

func beginSecret() {
	procPin()
	reserveStack()
}

func endSecret() {
	scrub()
	procUnpin()
}

// procPin keeps the goroutine on its processor, whose number it returns. It is
// internal to the runtime, which promises to leave it as it is for those who
// reach for it all the same.
//
//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()
