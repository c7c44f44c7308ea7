package logical

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"unicode/utf8"
)

// Fold is lower or upper of one collation of a server, which makes one character of
// each and looks at no other: what every character becomes that becomes another one.
type Fold struct {
	// pages are what becomes of the characters of one page, nil where nothing does.
	pages [(utf8.MaxRune + 1) / foldPage]*[foldPage]rune
	hash  string
}

const foldPage = 256

// NewFold makes the fold by which from[i] becomes to[i], and every other character
// stays what it is. It keeps neither of them.
func NewFold(from, to []rune) *Fold {
	f := &Fold{}
	for i, r := range from {
		page := &f.pages[r/foldPage]
		if *page == nil {
			*page = new([foldPage]rune)
			for k := range *page {
				(*page)[k] = r - r%foldPage + rune(k)
			}
		}
		(*page)[r%foldPage] = to[i]
	}
	h := sha256.New()
	var b []byte
	for i, page := range f.pages {
		if page == nil {
			continue
		}
		for k, r := range page {
			if was := rune(i*foldPage + k); r != was {
				b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b[:0], uint32(was)), uint32(r))
				h.Write(b)
			}
		}
	}
	f.hash = hex.EncodeToString(h.Sum(nil)[:foldHash])
	return f
}

// foldHash is how much of the hash tells folds apart, in bytes.
const foldHash = 16

// of is what becomes of a character.
func (f *Fold) of(r rune) rune {
	if page := f.pages[r/foldPage]; page != nil {
		return page[r%foldPage]
	}
	return r
}

// Hash tells folds apart. It has no comma and no colon.
func (f *Fold) Hash() string { return f.hash }

// Append appends the text, which is valid UTF-8, in that case.
func (f *Fold) Append(dst, text []byte) []byte {
	dst = slices.Grow(dst, len(text))
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		page := f.pages[r/foldPage]
		switch {
		case page == nil || page[r%foldPage] == r:
			dst = append(dst, text[i:i+size]...)
		case page[r%foldPage] < utf8.RuneSelf:
			dst = append(dst, byte(page[r%foldPage]))
		default:
			dst = utf8.AppendRune(dst, page[r%foldPage])
		}
		i += size
	}
	return dst
}
