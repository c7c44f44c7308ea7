//go:build !race

// The race detector allocates on its own account.

package session

import (
	"bytes"
	"strings"
	"testing"

	"pgseal/copyformat"
	"pgseal/wire"
)

const copyRows = 100

// copyInData is one CopyData of rows for copyTable FROM STDIN.
func copyInData(format copyformat.Kind) []byte {
	row := "7\t123-45-6789\t42\t2001-02-03\tsome text that is not sealed\n"
	switch format {
	case copyformat.CSV:
		row = strings.ReplaceAll(row, "\t", ",")
	case copyformat.Binary:
		row = "\x00\x05\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00\x00\x0b123-45-6789\x00\x00\x00\x04\x00\x00\x00\x2a" +
			"\x00\x00\x00\x04\x00\x00\x01\x91\x00\x00\x00\x1csome text that is not sealed"
	}
	return appendCopyData(nil, strings.Repeat(row, copyRows))
}

// copyOutData are the rows of copyTable TO STDOUT as the server sends them.
func copyOutData(d *driver, format copyformat.Kind) (frames []byte) {
	f := copyformat.Defaults(format)
	for range copyRows {
		dst, start := wire.Begin(frames, wire.TypeCopyData)
		sealed := [][]byte{d.seal(d.column("ssn"), keyActive, "123-45-6789"), d.seal(d.column("score"), keyActive, "42"), d.seal(d.column("born"), keyActive, "2001-02-03")}
		if format == copyformat.Binary {
			dst = append(dst, "\x00\x05\x00\x00\x00\x04\x00\x00\x00\x07"...)
			for _, v := range sealed {
				dst = wire.AppendValue(dst, v)
			}
			dst = wire.AppendValue(dst, []byte("some text that is not sealed"))
		} else {
			dst = append(dst, '7')
			for _, v := range sealed {
				dst = f.AppendBytea(append(dst, f.Delimiter), v)
			}
			dst = append(append(dst, f.Delimiter), "some text that is not sealed\n"...)
		}
		frames = wire.End(dst, start)
	}
	return frames
}

// copyIn gives the session data, in reads of the size.
func (d *driver) copyIn(t testing.TB, data []byte, size int) {
	for len(data) > 0 {
		n := min(size, len(data))
		k, need, err := d.session.FromClient(data[:n], &d.out)
		if need.Kind != NeedNothing || err != nil || k == 0 {
			t.Fatal(k, need, err)
		}
		data = data[k:]
	}
}

func copyHeader(t testing.TB, d *driver, format copyformat.Kind) {
	if format == copyformat.Binary {
		d.copyIn(t, appendCopyData(nil, binaryRows("")), 1<<20)
	}
}

// COPY allocates nothing for a row, in either direction.
func TestCopyAllocatesNothing(t *testing.T) {
	for name, format := range copyKinds {
		d := copyingSession(t, copyTable+"FROM STDIN (FORMAT "+name+")", 5)
		copyHeader(t, d, format)
		data := copyInData(format)
		for _, size := range []int{len(data), 1000} {
			for range 2 * keptLines / copyRows {
				d.copyIn(t, data, size)
			}
			if n := testing.AllocsPerRun(20, func() { d.copyIn(t, data, size) }); n > 0 {
				t.Errorf("COPY FROM, %s, reads of %d bytes: %v allocations for %d rows", name, size, n, copyRows)
			}
		}
		if bytes.Contains(bytes.Join(d.out.ToServer(), nil), []byte("123-45")) {
			t.Error("a plaintext went to the server")
		}
		d = copyingSession(t, copyTable+"TO STDOUT (FORMAT "+name+")", 5)
		rows := copyOutData(d, format)
		if format == copyformat.Binary {
			first := appendCopyData(nil, binaryRows("\xff\xff"))
			d.feed(false, first)
		}
		read := func() {
			if k, need, err := d.session.FromServer(rows, &d.out); k != len(rows) || need.Kind != NeedNothing || err != nil {
				t.Fatal(k, need, err)
			}
		}
		read()
		if got := bytes.Count(bytes.Join(d.out.ToClient(), nil), []byte("123-45-6789")); got != copyRows {
			t.Errorf("COPY TO, %s: %d rows are opened", name, got)
		}
		if n := testing.AllocsPerRun(20, read); n > 0 {
			t.Errorf("COPY TO, %s: %v allocations for %d rows", name, n, copyRows)
		}
	}
}

func BenchmarkCopyInFormats(b *testing.B) {
	for name, format := range copyKinds {
		b.Run(name, func(b *testing.B) {
			d := copyingSession(b, copyTable+"FROM STDIN (FORMAT "+name+")", 5)
			copyHeader(b, d, format)
			data := copyInData(format)
			b.ReportAllocs()
			for b.Loop() {
				d.copyIn(b, data, len(data))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*copyRows), "ns/row")
		})
	}
}

func BenchmarkCopyOutFormats(b *testing.B) {
	for name, format := range copyKinds {
		b.Run(name, func(b *testing.B) {
			d := copyingSession(b, copyTable+"TO STDOUT (FORMAT "+name+")", 5)
			rows := copyOutData(d, format)
			if format == copyformat.Binary {
				d.feed(false, appendCopyData(nil, binaryRows("\xff\xff")))
			}
			b.ReportAllocs()
			for b.Loop() {
				if k, _, err := d.session.FromServer(rows, &d.out); k != len(rows) || err != nil {
					b.Fatal(k, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*copyRows), "ns/row")
		})
	}
}
