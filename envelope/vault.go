package envelope

import "sync/atomic"

// vault is memory for key material outside the Go heap: pages of its own,
// locked and kept out of core dumps where the system allows it. It is filled
// piece by piece and erased as a whole.
type vault struct {
	pages [][]byte
	free  []byte // the rest of the last page
}

// vaultAlign puts each piece on its own cache lines and satisfies the alignment
// of every type.
const vaultAlign = 64

var unlocked atomic.Bool

// MemoryLocked reports whether all key material so far could be locked into
// memory. False means that it may reach the swap space: the limit on locked
// memory (ulimit -l, LimitMEMLOCK) is too low.
func MemoryLocked() bool { return !unlocked.Load() }

// alloc returns n zero bytes, aligned, or ErrMemory.
func (v *vault) alloc(n int) ([]byte, error) {
	size := (n + vaultAlign - 1) &^ (vaultAlign - 1)
	if size > len(v.free) {
		page, err := mapPages(size)
		if err != nil {
			return nil, ErrMemory
		}
		v.pages = append(v.pages, page)
		v.free = page
	}
	piece := v.free[:n:n]
	v.free = v.free[size:]
	return piece, nil
}

// erase zeroes all pages and gives them back. A second call does nothing.
func (v *vault) erase() {
	for _, page := range v.pages {
		clear(page)
		unmapPages(page)
	}
	v.pages, v.free = nil, nil
}
