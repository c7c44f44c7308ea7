package session

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgseal/wire"
)

const (
	copyInScript = `
client Query "COPY users (id, ssn, note) FROM STDIN (FORMAT csv)"
client CopyData "1,123-45-6789,\"a\nb\"\n2,"
client CopyData ",x\n3,\"too long for the column\",y\n"
client CopyDone
client Query "SELECT 1"
server raw "G\x00\x00\x00\x0d\x00\x00\x03\x00\x00\x00\x00\x00\x00"
server ErrorResponse 22P02 "invalid"
server ReadyForQuery I`

	copyOutScript = `
client Query "COPY users (ssn, note) TO STDOUT"
server raw "H\x00\x00\x00\x0b\x00\x00\x02\x00\x00\x00\x00"
server CopyData "\\N\tnote\n"
server CopyData "not an envelope\tnote\n"
server CopyDone
server CommandComplete "COPY 2"
server ReadyForQuery I`
)

// copyingSession is a session in the middle of a COPY.
func copyingSession(t testing.TB, sql string, columns int) *driver {
	d := &driver{world: newWorld(t)}
	d.session.SetParameter("server_version", "15.0")
	d.openKeys()
	d.feed(true, wire.AppendQuery(nil, sql))
	typ := byte(wire.TypeCopyOutResponse)
	if strings.Contains(sql, "FROM STDIN") {
		typ = wire.TypeCopyInResponse
	}
	response, start := wire.Begin(nil, typ)
	format := byte(0)
	if strings.Contains(sql+string(d.toServer), "binary") {
		format = 1
	}
	response = wire.AppendCount(append(response, format), columns)
	for range columns {
		response = wire.AppendInt16(response, int16(format))
	}
	d.feed(false, wire.End(response, start))
	d.toServer, d.toClient = nil, nil
	return d
}

// What a client sees and the server gets when a COPY meets a limit or a value
// that does not open.
func TestCopyFailsCleanly(t *testing.T) {
	t.Run("a row longer than the limit", func(t *testing.T) {
		d := copyingSession(t, "COPY users (id, ssn) FROM STDIN", 2)
		d.session.cfg.MaxFrame = 1 << 10
		for range 100 {
			d.feed(true, appendCopyData(nil, strings.Repeat("canary", 100)))
		}
		if strings.Contains(string(d.toServer), "canary") || !strings.Contains(string(d.toServer), copyMarker) {
			t.Errorf("the server got %q", d.toServer)
		}
		d.feed(true, wire.AppendEmpty(nil, wire.TypeCopyDone))
		failed := (&wire.Error{Code: "57014", Message: "COPY from stdin failed: " + copyMarker, Where: "COPY users, line 1"}).Append(nil)
		d.feed(false, failed)
		if got := string(d.toClient); !strings.Contains(got, "54000") || !strings.Contains(got, "longer than pgseal may hold") {
			t.Errorf("the client got %q", got)
		}
		d.feed(false, []byte("Z\x00\x00\x00\x05I"))
		if d.err != nil || !d.session.Idle() {
			t.Errorf("the session is not usable: %v", d.err)
		}
	})
	t.Run("a stored row longer than the limit", func(t *testing.T) {
		d := copyingSession(t, "COPY users (id, ssn) TO STDOUT", 2)
		d.session.cfg.MaxFrame = 1 << 10
		d.feed(false, appendCopyData(nil, strings.Repeat("x", 1<<11)))
		checkCopyOutFails(t, d, "54000")
	})
	t.Run("a stored value that does not open", func(t *testing.T) {
		d := copyingSession(t, "COPY users (id, ssn) TO STDOUT", 2)
		d.feed(false, appendCopyData(nil, "1\t\\\\xe501\n"))
		d.feed(false, appendCopyData(nil, "2\t\\N\n"))
		checkCopyOutFails(t, d, codeDataCorrupted)
	})
	t.Run("a stored value under a lost key", func(t *testing.T) {
		d := copyingSession(t, "COPY users (id, ssn) TO STDOUT (FORMAT binary)", 2)
		value := d.seal(d.column("ssn"), keyLost, "123-45-6789")
		row := wire.AppendValue([]byte(binaryRows("\x00\x02\xff\xff\xff\xff")), value)
		d.feed(false, appendCopyData(nil, string(row)))
		checkCopyOutFails(t, d, codeSystemError)
	})
}

// What a COPY remembers of its data is for its own errors: behind a pooler the next ones
// are another client's.
func TestLinesOfACopyAreForItsOwnErrors(t *testing.T) {
	d := copyingSession(t, "COPY users (id, ssn) FROM STDIN", 2)
	failed := (&wire.Error{Code: "23505", Message: "duplicate key", Where: `COPY users, line 1: "1	\xe501"`}).Append(nil)
	ready := []byte("Z\x00\x00\x00\x05I")
	d.feed(true, appendCopyData(nil, "1\tcanary\n"))
	d.feed(true, wire.AppendEmpty(nil, wire.TypeCopyDone))
	d.feed(false, append(slices.Clone(failed), ready...))
	if got := string(d.toClient); !strings.Contains(got, `line 1: "1	canary"`) {
		t.Errorf("of the COPY itself the client got %q", got)
	}
	d.toClient = nil
	d.feed(true, wire.AppendQuery(nil, "SELECT copies_on_the_server()"))
	d.feed(false, append(slices.Clone(failed), ready...))
	if got := string(d.toClient); d.err != nil || !strings.Contains(got, "23505") || strings.Contains(got, "canary") {
		t.Errorf("of another statement the client got %q, %v", got, d.err)
	}
}

// The lines are in memory only for as long as an error of the COPY can come.
func TestLinesOfACopyAreForgottenAtItsEnd(t *testing.T) {
	for _, end := range []string{
		"C\x00\x00\x00\x0bCOPY 1\x00Z\x00\x00\x00\x05I",
		string((&wire.Error{Code: "23505", Message: "duplicate key"}).Append(nil)) + "Z\x00\x00\x00\x05I",
	} {
		d := copyingSession(t, "COPY users (id, ssn) FROM STDIN", 2)
		d.feed(true, appendCopyData(nil, "1\tcanary\n"))
		d.feed(true, wire.AppendEmpty(nil, wire.TypeCopyDone))
		lines := d.session.copying.in.lately.entries
		if len(lines) != 1 || !bytes.Contains(lines[0].text[:], []byte("canary")) {
			t.Fatal("the line is not there while the COPY runs")
		}
		d.feed(false, []byte(end))
		if d.err != nil || !d.session.Idle() {
			t.Fatalf("the session is not usable: %v", d.err)
		}
		if bytes.Contains(lines[0].text[:], []byte("canary")) || d.session.copying.in.lately.entries != nil {
			t.Errorf("the line is there behind %.20q", end)
		}
	}
}

// checkCopyOutFails: the client gets the error in the place of the end.
func checkCopyOutFails(t *testing.T, d *driver, code string) {
	t.Helper()
	end := wire.AppendEmpty(nil, wire.TypeCopyDone)
	complete, start := wire.Begin(end, wire.TypeCommandComplete)
	end = append(wire.End(wire.AppendCString(complete, "COPY 2"), start), "Z\x00\x00\x00\x05I"...)
	d.feed(false, end)
	got := string(d.toClient)
	if d.err != nil || !strings.HasPrefix(got, "E") || !strings.Contains(got, "C"+code) || strings.Contains(got, "COPY 2") {
		t.Errorf("the client got %q, %v", got, d.err)
	}
	if !d.session.Idle() {
		t.Error("the session is not usable")
	}
}
