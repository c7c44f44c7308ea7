package proxy

import "sync"

// recordSize is how much small chunks are put together to before they are
// written: the most plaintext that one TLS record takes, since under TLS each
// write makes a record of its own, and elsewhere costs a system call.
const recordSize = 16 << 10

var recordPool = sync.Pool{New: func() any { return new([recordSize]byte) }}

// joined calls put with the chunks, small ones put together.
func joined(chunks [][]byte, put func([]byte) error) error {
	if len(chunks) == 1 {
		return put(chunks[0])
	}
	record := recordPool.Get().(*[recordSize]byte)
	defer recordPool.Put(record)
	n := 0
	for _, c := range chunks {
		for len(c) > 0 {
			if n == 0 && len(c) >= recordSize {
				if err := put(c); err != nil {
					return err
				}
				break
			}
			k := copy(record[n:], c)
			n += k
			c = c[k:]
			if n == recordSize {
				if err := put(record[:n]); err != nil {
					return err
				}
				n = 0
			}
		}
	}
	if n == 0 {
		return nil
	}
	return put(record[:n])
}
