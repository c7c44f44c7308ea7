package proxy

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"pgseal/wire"
)

// onPumps makes the tests run without event loops.
var onPumps bool

// underTLSOnly makes the tests run with TLS on both hops.
var underTLSOnly bool

// testLoops are the event loops of a relay without a Server, nil for none.
func testLoops(t *testing.T) *loops {
	t.Helper()
	if onPumps {
		return nil
	}
	ls, err := startLoops()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ls.stop)
	return ls
}

// TestPumps holds sessions to the same tests where there is no event loop for
// them.
func TestPumps(t *testing.T) {
	onPumps = true
	defer func() { onPumps = false }()
	t.Run("UnixSocketsOnBothHopsMakeNoDifference", TestUnixSocketsOnBothHopsMakeNoDifference)
	t.Run("OnShutdownIdleSessionsEndAtOnceAndOthersAfterTheirTransaction", TestOnShutdownIdleSessionsEndAtOnceAndOthersAfterTheirTransaction)
	t.Run("OnShutdownATransactionThatDoesNotEndIsCut", TestOnShutdownATransactionThatDoesNotEndIsCut)
	t.Run("ClientsBeyondTheLimitAreRefused", TestClientsBeyondTheLimitAreRefused)
	t.Run("NothingIsLeftOfClientsThatDie", TestNothingIsLeftOfClientsThatDie)
	t.Run("AServerThatEndsTheSessionIsHeardOut", TestAServerThatEndsTheSessionIsHeardOut)
	t.Run("FramesInPiecesOfAnySizeMakeNoDifference", TestFramesInPiecesOfAnySizeMakeNoDifference)
	t.Run("AConnectionThatBreaksAnywhereLeavesNothingBehind", TestAConnectionThatBreaksAnywhereLeavesNothingBehind)
	t.Run("RelayingAllocatesNothingForAMessage", TestRelayingAllocatesNothingForAMessage)
	everyEngine(t)
}

// TestTLS holds sessions under TLS to the same tests, but for the one of
// allocations: crypto/tls makes some for each record.
func TestTLS(t *testing.T) {
	underTLSOnly = true
	defer func() { underTLSOnly = false }()
	everyEngine(t)
}

// everyEngine runs the tests of what a session's engine does.
func everyEngine(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"APanicOverTheServersWordsEndsASessionHalfClosedByItsClient":  TestAPanicOverTheServersWordsEndsASessionHalfClosedByItsClient,
		"AStatementThatWaitsForTheServerGoesOnWhenTheServerHasSpoken": TestAStatementThatWaitsForTheServerGoesOnWhenTheServerHasSpoken,
		"AFrameThatMustBeWholeIsCollected":                            TestAFrameThatMustBeWholeIsCollected,
		"AFailedRefreshEndsTheSessionWithTheReason":                   TestAFailedRefreshEndsTheSessionWithTheReason,
		"APanicEndsOnlyItsSession":                                    TestAPanicEndsOnlyItsSession,
		"ASessionThatMakesNoProgressIsEnded":                          TestASessionThatMakesNoProgressIsEnded,
		"OurMessageNeverLandsInsideAnother":                           TestOurMessageNeverLandsInsideAnother,
		"AnIdleSessionIsEndedAfterTheIdleTimeout":                     TestAnIdleSessionIsEndedAfterTheIdleTimeout,
		"AClientThatHalfClosesStillGetsItsAnswer":                     TestAClientThatHalfClosesStillGetsItsAnswer,
		"AProtocolViolationEndsTheSessionWithAnError":                 TestAProtocolViolationEndsTheSessionWithAnError,
		"ASlowReaderHoldsUpOnlyItselfAndCostsBoundedMemory":           TestASlowReaderHoldsUpOnlyItselfAndCostsBoundedMemory,
		"ASessionMayEndWhileItsLargeFrameIsWorkedOn":                  TestASessionMayEndWhileItsLargeFrameIsWorkedOn,
		"APanicOverALargeFrameEndsItsSession":                         TestAPanicOverALargeFrameEndsItsSession,
		"SessionsGoOnWhileAClientWritesWithoutReading":                TestSessionsGoOnWhileAClientWritesWithoutReading,
	} {
		t.Run(name, test)
	}
}

// corked is a connection that holds back what is written, once it is told to.
type corked struct {
	net.Conn
	holding bool
	held    []byte
}

func (c *corked) Write(b []byte) (int, error) {
	if c.holding {
		c.held = append(c.held, b...)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// When the engine takes a session over, TLS may have read more than the startup:
// a client may send its first statement with it.
func TestWhatTLSHasReadBehindTheStartupIsNotForgotten(t *testing.T) {
	p := startProxy(t, Config{Upstream: upstreamTLS(), ClientTLS: serverTLS(t, cluster.Certificate)})
	c := p.raw()
	c.send(0, 0, 0, 8, codeTLS>>24, codeTLS>>16&0xff, codeTLS>>8&0xff, codeTLS&0xff)
	if _, err := c.peek(1); err != nil {
		t.Fatal(err)
	}
	c.discard(1)
	cork := &corked{Conn: c.Conn}
	conn := tls.Client(cork, trusting(t, cluster.Certificate))
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	c.Conn, cork.holding = conn, true
	c.send(startupPacket(3<<16, "user", "trust", "database", "postgres")...)
	c.query("SELECT 41 + 1")
	c.query("SELECT 42 + 1")
	if _, err := cork.Conn.Write(cork.held); err != nil {
		t.Fatal(err)
	}
	c.until(wire.TypeReadyForQuery)
	for _, want := range []string{"42", "43"} {
		if row := c.until(wire.TypeDataRow); !strings.HasSuffix(string(row), want) {
			t.Errorf("got %q, want %s", row, want)
		}
	}
}
