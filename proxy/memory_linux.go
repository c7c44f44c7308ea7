package proxy

import "golang.org/x/sys/unix"

// Memory for large frames comes from the system and goes back to it: growing
// moves pages instead of copying bytes, a page that has not been written to costs
// nothing, and nobody waits for a garbage collection to have it back.

// mapMemory returns n bytes, nil if the system has none to give.
func mapMemory(n int) []byte {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	return b
}

// growMemory makes mapped memory n bytes large, perhaps elsewhere; nil if it
// cannot be had, and then b stays.
func growMemory(b []byte, n int) []byte {
	grown, err := unix.Mremap(b, n, unix.MREMAP_MAYMOVE)
	if err != nil {
		return nil
	}
	return grown
}

// unmapMemory gives mapped memory back.
func unmapMemory(b []byte) {
	_ = unix.Munmap(b) // it fails for what is not mapped only
}
