package proxy

import (
	"context"
	"testing"
	"time"

	"pgseal/session"
	"pgseal/wire"
)

// What is under way when a change becomes known is waited for, and nothing else: neither
// sessions without a statement, nor what is sent later.
func TestWhatIsUnderWayIsWaitedFor(t *testing.T) {
	db := &database{}
	one, other := &tracked{Protocol: relaying{}.Session()}, &tracked{Protocol: relaying{}.Session()}
	db.sessions.add(one)
	db.sessions.add(other)
	var out session.Output
	query := func(c *tracked) {
		t.Helper()
		b := wire.AppendQuery(nil, "SELECT 1")
		if n, _, err := c.FromClient(b, &out); n != len(b) || err != nil {
			t.Fatal(n, err)
		}
	}
	answer := func(c *tracked) {
		t.Helper()
		b := append([]byte("C\x00\x00\x00\x0dSELECT 1\x00"), "Z\x00\x00\x00\x05I"...)
		if n, _, err := c.FromServer(b, &out); n != len(b) || err != nil {
			t.Fatal(n, err)
		}
	}
	db.sessions.answered(t.Context()) // nothing is
	query(one)
	done, began := make(chan struct{}), time.Now()
	seen := db.sessions.underWay()
	go func() { db.sessions.answered(t.Context()); close(done) }()
	if len(seen) != 1 || seen[one] == 0 {
		t.Errorf("under way: %v", seen)
	}
	query(other) // later or not, the first is not answered
	select {
	case <-done:
		t.Fatal("nothing has been answered")
	case <-time.After(20 * time.Millisecond):
	}
	answer(one)
	query(one) // later
	answer(other)
	<-done
	if time.Since(began) >= longestUnderWay {
		t.Error("what was sent later has been waited for")
	}
	db.sessions.remove(one)
	if seen := db.sessions.underWay(); len(seen) > 0 {
		t.Errorf("under way: %v", seen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	query(other)
	db.sessions.answered(ctx)
}

// needy is the state of a session whose frame waits for something.
type needy struct {
	Protocol
	need session.Need
}

func (n *needy) FromClient([]byte, *session.Output) (int, session.Need, error) {
	return 0, n.need, nil
}

// What has not been sent is not under way: it is planned by what is known when it goes on.
// Those that a sealing holds back would have it wait for them.
func TestWhatIsHeldBackIsNotWaitedFor(t *testing.T) {
	db := &database{}
	held := &needy{Protocol: relaying{}.Session()}
	c := &tracked{Protocol: held}
	db.sessions.add(c)
	for _, kind := range []session.NeedKind{session.NeedCatalog, session.NeedKey, session.NeedBytes} {
		held.need = session.Need{Kind: kind}
		if _, _, err := c.FromClient(wire.AppendQuery(nil, "SELECT 1"), &session.Output{}); err != nil {
			t.Fatal(err)
		}
		if seen := db.sessions.underWay(); len(seen) > 0 {
			t.Errorf("%v is needed: %d under way, want none", kind, len(seen))
		}
	}
}
