package envelope

import (
	"os"
	"syscall"
)

const madvDontDump = 16 // MADV_DONTDUMP of <asm-generic/mman-common.h>; syscall lacks it

// mapPages returns at least n bytes of whole pages that are zero.
func mapPages(n int) ([]byte, error) {
	page := os.Getpagesize()
	b, err := syscall.Mmap(-1, 0, (n+page-1)/page*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, err
	}
	// Both are a second line of defence that containers often forbid or limit;
	// a proxy that refused to run for want of them would protect nobody.
	errLock := syscall.Mlock(b)
	errDump := syscall.Madvise(b, madvDontDump)
	if errLock != nil || errDump != nil {
		unlocked.Store(true)
	}
	return b, nil
}

func unmapPages(b []byte) {
	if err := syscall.Munmap(b); err != nil {
		panic("envelope: unmapping key memory: " + err.Error())
	}
}
