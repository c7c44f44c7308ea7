package harness

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// chunk is how much of a file is searched at a time.
	chunk = 1 << 20
	// around is how many bytes before and after a hit are shown: enough to see
	// which test and which statement left it.
	around = 100
	// window is how many bytes of an image select it as a candidate.
	window = 4
	// stride is from one place that is looked at to the next: an image is selected by
	// as many windows beside each other, of which one stands there.
	stride = 4
	// shortest is the least an image must have, for all its windows.
	shortest = window + stride - 1
	// filterBits size the table of selected windows.
	filterBits = 16
)

// Search reads files and directories whole and returns a line for each image
// found in each file, with the first place.
func (c *Canaries) Search(paths ...string) ([]string, error) {
	c.mu.Lock()
	s := newSearcher(c.images)
	c.mu.Unlock()
	var hits []string
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a running server deletes files
			}
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			found, err := s.file(path)
			for what, where := range found {
				hits = append(hits, fmt.Sprintf("%s in %s: %q", what, path, where))
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			return hits, err
		}
	}
	return hits, nil
}

// searcher looks for all images in one pass: a hundred images in gigabytes of
// files would take minutes one by one. Windows of each image, folded to lower
// case, select it as a candidate.
type searcher struct {
	selected   [1 << filterBits / 64]uint64 // one bit a slot: small enough for the CPU's nearest cache
	candidates map[uint32][]candidate       // by slot
	longest    int
	buf        []byte
}

// candidate is an image with the place of its window.
type candidate struct {
	image
	at int
}

func newSearcher(images []image) *searcher {
	s := &searcher{candidates: map[uint32][]candidate{}}
	for _, i := range images {
		first := mostVaried(i.bytes)
		for at := first; at < first+stride; at++ {
			n := slot(i.bytes[at:])
			s.selected[n/64] |= 1 << (n % 64)
			s.candidates[n] = append(s.candidates[n], candidate{i, at})
		}
		s.longest = max(s.longest, len(i.bytes))
	}
	s.buf = make([]byte, 0, chunk+s.longest)
	return s
}

// slot spreads windows over the table. Of letters it forgets their case, and of other
// bytes as much: check looks at all of them.
func slot(b []byte) uint32 {
	return (binary.LittleEndian.Uint32(b) | 0x20202020) * 0x9E3779B1 >> (32 - filterBits)
}

// mostVaried is where the windows have the most different bytes: zeros and digits
// stand everywhere in a database and would select too often.
func mostVaried(b []byte) (at int) {
	best := -1
	for i := 0; i+shortest <= len(b); i++ {
		different := 0
		for j, x := range b[i : i+shortest] {
			if x != 0 && !bytes.Contains(b[i:i+j], []byte{x}) {
				different++
			}
		}
		if different > best {
			best, at = different, i
		}
	}
	return at
}

// file returns what stands around the first place of each image found.
func (s *searcher) file(path string) (map[string][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found := map[string][]byte{}
	buf := s.buf[:0]
	for {
		n, err := io.ReadFull(f, buf[len(buf):len(buf)+chunk])
		buf = buf[:len(buf)+n]
		s.search(buf, found)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		keep := min(s.longest, len(buf))
		copy(buf[:keep], buf[len(buf)-keep:])
		buf = buf[:keep]
	}
}

func (s *searcher) search(buf []byte, found map[string][]byte) {
	for i := 0; i+window <= len(buf); i += stride {
		if n := slot(buf[i:]); s.selected[n/64]&(1<<(n%64)) != 0 {
			s.check(buf, i, s.candidates[n], found)
		}
	}
}

// check compares the images whose window begins at buf[at].
func (s *searcher) check(buf []byte, at int, candidates []candidate, found map[string][]byte) {
	for _, c := range candidates {
		start := at - c.at
		stop := start + len(c.bytes)
		if start < 0 || stop > len(buf) || !c.equals(buf[start:stop]) || found[c.what] != nil {
			continue
		}
		found[c.what] = bytes.Clone(buf[max(0, start-around):min(len(buf), stop+around)])
	}
}

func (i image) equals(b []byte) bool {
	if !i.fold {
		return bytes.Equal(b, i.bytes)
	}
	for n, x := range i.bytes {
		if fold[b[n]] != x {
			return false
		}
	}
	return true
}

// fold maps ASCII letters to lower case and every other byte to itself;
// bytes.ToLower would take what it is given for UTF-8.
var fold = func() (table [256]byte) {
	for i := range table {
		table[i] = byte(i)
		if i >= 'A' && i <= 'Z' {
			table[i] += 'a' - 'A'
		}
	}
	return table
}()

func appendFolded(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, fold[c])
	}
	return dst
}
