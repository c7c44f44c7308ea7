package catalog

import "pgseal/logical"

// words are identifiers, as PostgreSQL folds them. Every word of every statement
// is looked up in them, and few are found: a filter of one bit for each word
// answers most of that without hashing.
type words struct {
	known   map[string]bool
	filter  [64]uint64
	foreign bool // some are not in ASCII
}

func (w *words) add(name string) {
	if w.known == nil {
		w.known = map[string]bool{}
	}
	w.known[name] = true
	w.foreign = w.foreign || !logical.IsASCII([]byte(name))
	i := place(name)
	w.filter[i/64] |= 1 << (i % 64)
}

func (w *words) has(name string) bool {
	i := place(name)
	return w.filter[i/64]&(1<<(i%64)) != 0 && w.known[name]
}

// place is the bit of a name in a filter: by its length, its ends and its
// middle, in which the identifiers of one schema mostly differ.
func place(name string) uint32 {
	n := uint32(len(name))
	if n == 0 {
		return 0
	}
	h := n<<24 ^ uint32(name[0])<<16 ^ uint32(name[n/2])<<8 ^ uint32(name[n-1])
	return h * 0x9e3779b1 >> 20 // the upper 12 bits of a product with the golden ratio
}
