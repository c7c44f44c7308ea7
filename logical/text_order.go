package logical

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"unicode/utf8"
)

// TextOrder is the order of texts under one deterministic collation of a server, of those
// texts that it Knows all characters of. nil is the order of their bytes.
type TextOrder struct {
	pages   [(maxOrdered + 1) / orderPage]*[orderPage]Weight
	skips   bool // some characters are Skipped
	accents bool // and some that have a place on the second level do not stand Apart
	hash    string
}

const (
	maxOrdered = 0x20FF // the last character that can have a weight
	orderPage  = 256
)

// Weight is the place of a character on the levels of a collation, as in the Unicode
// collation algorithm: texts are compared by their base characters first, then by accents,
// then by case, then by what is left, and at last by their bytes. The first one is 0 of a
// character that counts on the last level only. On the others a place is one among the
// characters that are the same on the levels before.
type Weight struct {
	Known  bool
	Levels [4]uint16
	// Second is the place on the first level of the other character that it stands for as well,
	// as ß does for two of s; 0 for none. On the second level no other character is like it.
	Second uint16
	// Skipped: in a row of two or more such characters, with another one behind them, the last
	// but one does not count on the second level. That is how the GNU C library deals with
	// digits and marks, for which that level goes backwards.
	Skipped bool
	// Bare: each such character that stands behind one that is not Skipped has one more of a row
	// skipped that comes next, at the end of a text, too.
	Bare bool
	// Absent: it does not count on the last level, on which the next one has a place behind.
	Absent bool
	// Apart: its place on the second level is not known beside those of characters that differ on
	// the first, which it stands beside where some in front are skipped.
	Apart bool
}

// NewTextOrder makes the order by which characters have such weights. Those beyond U+20FF
// are left out.
func NewTextOrder(weights map[rune]Weight) *TextOrder {
	o := &TextOrder{}
	for r, w := range weights {
		if r < 0 || r > maxOrdered {
			continue
		}
		page := &o.pages[r/orderPage]
		if *page == nil {
			*page = new([orderPage]Weight)
		}
		w.Known = true
		(*page)[r%orderPage] = w
		o.skips = o.skips || w.Skipped
		o.accents = o.accents || w.Levels[1] != 0 && !w.Apart
	}
	h := sha256.New()
	var b []byte
	for i, page := range o.pages {
		if page == nil {
			continue
		}
		for k, w := range page {
			if w.Known {
				b = binary.BigEndian.AppendUint32(b[:0], uint32(i*orderPage+k))
				for _, l := range w.Levels {
					b = binary.BigEndian.AppendUint16(b, l)
				}
				b = binary.BigEndian.AppendUint16(b, w.Second)
				h.Write(append(b, byte(btoi(w.Skipped)), byte(btoi(w.Bare)), byte(btoi(w.Absent)), byte(btoi(w.Apart))))
			}
		}
	}
	o.hash = hex.EncodeToString(h.Sum(nil)[:foldHash])
	return o
}

// Hash tells orders apart.
func (o *TextOrder) Hash() string { return o.hash }

// Knows says whether Compare tells the place of a text, which is valid UTF-8.
func (o *TextOrder) Knows(text []byte) bool {
	apart := false
	for i := 0; i < len(text); {
		w, size := o.weight(text[i:])
		if !w.Known {
			return false
		}
		apart = apart || w.Apart
		i += size
	}
	if !o.skips || !apart {
		return true
	}
	// Behind what is skipped, accents stand beside those of other characters: those of this text,
	// or of another one with the same digits.
	_, skipped := o.second(nil, text)
	return skipped == 0 && !(o.accents && o.hasSkipped(text))
}

// hasSkipped says whether there are characters in a text, which count, that might be skipped.
func (o *TextOrder) hasSkipped(text []byte) bool {
	for i := 0; i < len(text); {
		w, size := o.weight(text[i:])
		if w.Skipped && w.Levels[0] != 0 {
			return true
		}
		i += size
	}
	return false
}

// second appends the places of a text on the second level, and says how many characters do not
// count there, though they count on the first.
func (o *TextOrder) second(places []uint16, text []byte) (all []uint16, skipped int) {
	row, bare := 0, 0 // how many stand in a row, and how many Bare ones in front of it count
	end := 0          // of what is in front of the row
	place := func(w Weight) {
		if w.Levels[0] == 0 {
			return
		}
		if places = append(places, w.Levels[1]); w.Second != 0 {
			places = append(places, 0)
		}
	}
	skip := func(row []byte, lost int) {
		for at := 0; at < len(row); {
			w, size := o.weight(row[at:])
			if at += size; at < len(row) && utf8.RuneCount(row[at:]) <= lost { // the last one counts
				skipped += btoi(w.Levels[0] != 0)
			} else {
				place(w)
			}
		}
	}
	for i := 0; i < len(text); {
		w, size := o.weight(text[i:])
		switch {
		case w.Skipped:
			row++
		case row > 0:
			skip(text[end:i], bare+1)
			row, bare = 0, 0
		case w.Bare:
			bare++
		default:
			bare = 0
		}
		if i += size; !w.Skipped {
			place(w)
			end = i
		}
	}
	if row > 0 {
		skip(text[end:], bare)
	}
	return places, skipped
}

// Check is why a value, if it is a text, has no place: something in it that the order does
// not know. nil knows all texts.
func (o *TextOrder) Check(v Value) error {
	if o == nil || !isPlainText(v.OID) && v.OID != OIDBpchar || o.Knows(v.Data) {
		return nil
	}
	return refuse("a text has a character whose place under its collation pgseal does not know", "Sort and compare such texts with COLLATE \"C\" if that order will do, or in the application.")
}

// weight is that of the first character of a text, and its size in bytes.
func (o *TextOrder) weight(text []byte) (Weight, int) {
	r, size := rune(text[0]), 1
	if r >= utf8.RuneSelf {
		r, size = utf8.DecodeRune(text)
	}
	if r > maxOrdered || o.pages[r/orderPage] == nil {
		return Weight{}, size
	}
	return o.pages[r/orderPage][r%orderPage], size
}

// placed reads a text by what has a place on the first level.
type placed struct {
	text   []byte // that is left
	second uint16 // of the character before
}

// next is the next weight, the zero Weight at the end.
func (p *placed) next(o *TextOrder) Weight {
	if p.second != 0 {
		w := Weight{Levels: [4]uint16{p.second}}
		p.second = 0
		return w
	}
	for len(p.text) > 0 {
		w, size := o.weight(p.text)
		if p.text = p.text[size:]; w.Levels[0] != 0 {
			p.second = w.Second
			return w
		}
	}
	return Weight{}
}

// Compare is negative if the first of two texts that it Knows comes first, positive if the
// second does, and zero if they are the same.
func (o *TextOrder) Compare(a, b []byte) int {
	if o == nil || bytes.Equal(a, b) {
		return bytes.Compare(a, b)
	}
	var second, third int
	for p, q := (placed{text: a}), (placed{text: b}); ; {
		v, w := p.next(o), q.next(o)
		if v.Levels[0] != w.Levels[0] {
			return cmp.Compare(v.Levels[0], w.Levels[0])
		}
		if v.Levels[0] == 0 {
			break
		}
		second = cmp.Or(second, cmp.Compare(v.Levels[1], w.Levels[1]))
		third = cmp.Or(third, cmp.Compare(v.Levels[2], w.Levels[2]))
	}
	if o.skips {
		var few, fewOfOther [fewPlaces]uint16
		places, skipped := o.second(few[:0], a)
		placesOfOther, skippedOfOther := o.second(fewOfOther[:0], b)
		if skipped > 0 || skippedOfOther > 0 {
			second = slices.Compare(places, placesOfOther)
		}
	}
	return cmp.Or(second, third, o.last(a, b), bytes.Compare(a, b))
}

// fewPlaces are as many as most texts have on a level.
const fewPlaces = 64

// last compares two texts on the last level.
func (o *TextOrder) last(a, b []byte) int {
	for {
		v, at, restOfA := o.nextLast(a)
		w, atOther, restOfB := o.nextLast(b)
		if n := cmp.Or(cmp.Compare(btoi(at > 0), btoi(atOther > 0)), cmp.Compare(at, atOther), cmp.Compare(v.Levels[3], w.Levels[3])); n != 0 || at == 0 {
			return n
		}
		a, b = restOfA, restOfB
	}
}

// nextLast is the weight of the next character that has a place on the last level, the how
// manieth that is, from 1, 0 at the end, and what stands behind it.
func (o *TextOrder) nextLast(text []byte) (w Weight, at int, rest []byte) {
	for i := 0; i < len(text); {
		w, size := o.weight(text[i:])
		at++
		if i += size; !w.Absent {
			return w, at, text[i:]
		}
	}
	return Weight{}, 0, nil
}
