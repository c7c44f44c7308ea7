package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"pgseal/integration/pgtest"
	"pgseal/wire"
)

// Chance damages frames inside of their lengths: they end too early or too late, lack the
// end of a string, count and measure what is not there. PostgreSQL says what is wrong with
// each and goes on behind the next Sync; so does the session.
func TestTwinOfDamagedFrames(t *testing.T) {
	seed := pgtest.Seed(t)
	refused, found := 0, map[string]int{}
	for _, fault := range []string{endless, lacking, leftover, "no data left in message", "message subtype"} {
		found[fault] = 0
	}
	for i := range uint64(12) {
		g := &frames{Rand: rand.New(rand.NewPCG(seed, i))}
		ok := t.Run(strconv.FormatUint(i, 10), func(t *testing.T) {
			sealed := connectThrough(t, []int{32 << 10, 7, 100}[i%3])
			plain := &watched{connectTo(t, plainDB), found}
			runTwin(t, `client Query "TRUNCATE people; TRUNCATE late"`+"\nawait", plain, sealed)
			for range 40 {
				pipeline := g.damage(t, g.pipeline())
				sent, want, got := compareTwin(t, pipeline, plain, sealed)
				want, got = noise.ReplaceAllString(want, ""), noise.ReplaceAllString(got, "")
				if strings.Contains(got, "ErrorResponse 0A000") && !strings.Contains(want, "ErrorResponse 0A000") {
					refused++
					break // the two databases are no twins any more
				}
				if got != want {
					t.Logf("after\n%s\nplain:\n%s", sent, want)
					diffLines(t, want, got)
				}
			}
			if at := bytes.Index(sealed.sent, []byte("canary")); at >= 0 {
				t.Errorf("a plaintext went to the server: %q", sealed.sent[max(0, at-50):min(at+20, len(sealed.sent))])
			}
		})
		if !ok {
			t.FailNow()
		}
	}
	if refused > 2 {
		t.Errorf("%d runs ended with a refusal: the rest is too little to prove anything", refused)
	}
	for fault, n := range found {
		if n == 0 {
			t.Errorf("%q was found %d times: the frames prove little", fault, n)
		}
	}
}

// watched counts what is said of frames.
type watched struct {
	peer
	found map[string]int
}

func (w *watched) receive() []byte {
	b := w.peer.receive()
	for fault := range w.found {
		w.found[fault] += bytes.Count(b, []byte(fault))
	}
	return b
}

// damage damages about every sixth frame of a pipeline.
func (g *frames) damage(t *testing.T, pipeline string) string {
	var b strings.Builder
	r := &scripted{world: newWorld(t)}
	for line := range strings.Lines(pipeline) {
		frame, client := strings.CutPrefix(strings.TrimSpace(line), "client ")
		if !client || strings.HasPrefix(frame, "Copy") || g.IntN(6) > 0 {
			b.WriteString(line)
			continue
		}
		fmt.Fprintf(&b, "client raw %q\n", g.damaged(r.clientFrame(r.fields(frame))))
	}
	return b.String()
}

// damaged is a frame with a body that has not its form, as a rule.
func (g *frames) damaged(frame []byte) []byte {
	typ, body := frame[0], frame[wire.HeaderLen:]
	name := bytes.IndexByte(body, 0) // its end
	var b wire.Bind
	if typ == wire.TypeBind {
		b, _ = wire.ParseBind(body)
		name += 1 + len(b.Statement) // with another portal's, values for one statement would be for another
	}
	switch n := g.IntN(5); {
	case n == 0 || len(body) == 0:
		body = append(body, []byte{0, 1, 'x', 0}[:1+g.IntN(4)]...)
	case n == 1:
		body = body[:g.IntN(len(body))]
	case n == 2 && (typ == wire.TypeDescribe || typ == wire.TypeClose):
		body[0] = "xs\x00T"[g.IntN(4)]
	case n == 2 && typ == wire.TypeBind: // what is no format
		body = append([]byte{}, body[:name+1]...)
		code := []byte{0, 1, 0, byte(2 + g.IntN(2))}
		if g.IntN(2) == 0 {
			body = append(wire.AppendCount(append(body, code...), b.Params.Len()), b.Params.Bytes()...)
			body = b.ResultFormats.Append(body)
		} else {
			body = append(wire.AppendCount(b.ParamFormats.Append(body), b.Params.Len()), b.Params.Bytes()...)
			body = append(body, code...)
		}
	case n == 3 && name >= 0:
		body[name] = '!'
	case typ == wire.TypeBind: // a number or a value
		at := name + 1 + g.IntN(len(body)-name-1)
		body[at] = []byte{0, 1, 2, 3, 7, 0x7f}[g.IntN(6)]
	default:
		body = body[:len(body)-1]
	}
	binary.BigEndian.PutUint32(frame[1:], uint32(4+len(body)))
	return append(frame[:wire.HeaderLen:wire.HeaderLen], body...)
}
