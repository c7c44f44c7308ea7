//go:build !linux

package envelope

import "unsafe"

// mapPages returns n zero bytes of the Go heap, which does not move: they can be
// erased, but neither locked nor kept out of core dumps.
func mapPages(n int) ([]byte, error) {
	unlocked.Store(true)
	const page = 4096
	n = (n + page - 1) / page * page
	words := make([]uint64, n/8) // for their alignment
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n), nil
}

func unmapPages([]byte) {}
