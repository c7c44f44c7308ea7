package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgseal/copyformat"
	"pgseal/wire"
)

const copyTable = "COPY users (id, ssn, score, born, note) "

var copyKinds = map[string]copyformat.Kind{"text": copyformat.Text, "csv": copyformat.CSV, "binary": copyformat.Binary}

// copiedRow makes one CopyData of COPY users (id, ssn, score, born, note) TO STDOUT;
// nil is NULL.
func copiedRow(f *copyformat.Format, ssn, score, born []byte, note string) []byte {
	dst, start := wire.Begin(nil, wire.TypeCopyData)
	if f.Kind == copyformat.Binary {
		dst = append(dst, "\x00\x05\x00\x00\x00\x04\x00\x00\x00\x07"...)
		for _, v := range [][]byte{ssn, score, born, []byte(note)} {
			if v == nil {
				dst = append(dst, 0xff, 0xff, 0xff, 0xff)
			} else {
				dst = wire.AppendValue(dst, v)
			}
		}
		return wire.End(dst, start)
	}
	dst = append(dst, '7')
	for _, v := range [][]byte{ssn, score, born} {
		if dst = append(dst, f.Delimiter); v == nil {
			dst = append(dst, f.Null...)
		} else {
			dst = f.AppendBytea(dst, v)
		}
	}
	dst = append(dst, f.Delimiter)
	if f.Kind == copyformat.CSV {
		dst = f.AppendQuoted(dst, []byte(note), false, false)
	} else {
		dst = f.AppendEscaped(dst, []byte(note))
	}
	return wire.End(append(dst, '\n'), start)
}

// Rows of a COPY TO that come in one read give byte for byte what they give one by
// one, also where one of them needs a key, cannot be opened, or is not as COPY
// writes it.
func TestCopiedRowsOfOneReadAreWhatTheyAreOneByOne(t *testing.T) {
	for name, kind := range copyKinds {
		t.Run(name, func(t *testing.T) {
			f := copyformat.Defaults(kind)
			w := &driver{world: newWorld(t)}
			ssn, score, born := w.column("ssn"), w.column("score"), w.column("born")
			seal := func(text string) []byte { return w.seal(ssn, keyActive, text) }
			forty := w.seal(score, keyActive, "42")
			good := copiedRow(&f, seal("123-45-6789"), forty, w.seal(born, keyActive, "2001-02-03"), "a\tnote, \"quoted\" \\ and\nbroken")
			escapes := copiedRow(&f, seal("t\tb\"\\ \nz,"), nil, nil, "")
			nulls := copiedRow(&f, nil, nil, nil, "nothing sealed")
			other := copiedRow(&f, w.seal(ssn, 3, "another key"), forty, nil, "x")
			moved := copiedRow(&f, forty, nil, nil, "not of its column")
			flipped := append([]byte(nil), good...)
			flipped[len(flipped)-60] ^= 1 // within born's tag, or a digit of it
			short := appendCopyData(nil, string([]byte{0}))
			many := bytes.Repeat(append(append(append([]byte(nil), good...), escapes...), nulls...), 80)
			for what, rows := range map[string][][]byte{
				"good":        {good, escapes, nulls, good},
				"many":        {many},
				"another key": {good, other, good, other},
				"moved":       {many, moved, good},
				"moved first": {moved, good},
				"flipped":     {many, flipped, good},
				"short":       {good, short, good},
			} {
				data := bytes.Join(rows, nil)
				whole, single := copyingSession(t, copyTable+"TO STDOUT (FORMAT "+name+")", 5), copyingSession(t, copyTable+"TO STDOUT (FORMAT "+name+")", 5)
				for _, d := range []*driver{whole, single} {
					if kind == copyformat.Binary {
						d.feed(false, appendCopyData(nil, binaryRows("")))
					}
				}
				before := len(whole.toClient)
				end := wire.AppendEmpty(nil, wire.TypeCopyDone)
				end, start := wire.Begin(end, wire.TypeCommandComplete)
				end = wire.End(append(end, "COPY 9\x00"...), start)
				data = append(data, append(end, wire.TypeReadyForQuery, 0, 0, 0, 5, 'I')...)
				whole.feed(false, data)
				for rest := data; len(rest) > 0; {
					_, size, err := wire.Peek(rest)
					if err != nil {
						t.Fatal(err)
					}
					if n := single.feed(false, rest[:size]); n != size {
						break // it has ended
					}
					rest = rest[size:]
				}
				if !bytes.Equal(whole.toClient, single.toClient) || fmt.Sprint(whole.err) != fmt.Sprint(single.err) {
					t.Errorf("%s: at once %v:\n%.2000q\none by one %v:\n%.2000q", what, whole.err, whole.toClient[before:], single.err, single.toClient[before:])
				}
				fails := what == "moved" || what == "moved first" || what == "flipped" || what == "short" && kind != copyformat.Binary
				if got := whole.err != nil || strings.Contains(outline(whole.toClient[before:]), " E"); got != fails {
					t.Errorf("%s: fails is %v: %v", what, got, outline(whole.toClient[before:]))
				}
				plain := "123-45-6789"
				if kind != copyformat.Binary {
					plain += string(f.Delimiter) + "42" + string(f.Delimiter) + "2001-02-03"
				}
				if what == "many" && bytes.Count(whole.toClient[before:], []byte(plain)) != 80 {
					t.Errorf("%.300q", whole.toClient[before:])
				}
			}
		})
	}
}
