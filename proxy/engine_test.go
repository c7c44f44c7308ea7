package proxy

import "testing"

// onPumps makes the tests run without event loops.
var onPumps bool

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

// TestPumps holds sessions in clear to the same tests where there is no event
// loop for them.
func TestPumps(t *testing.T) {
	onPumps = true
	defer func() { onPumps = false }()
	for name, test := range map[string]func(*testing.T){
		"APanicOverTheServersWordsEndsASessionHalfClosedByItsClient":    TestAPanicOverTheServersWordsEndsASessionHalfClosedByItsClient,
		"UnixSocketsOnBothHopsMakeNoDifference":                         TestUnixSocketsOnBothHopsMakeNoDifference,
		"RelayingAllocatesNothingForAMessage":                           TestRelayingAllocatesNothingForAMessage,
		"AStatementThatWaitsForTheServerGoesOnWhenTheServerHasSpoken":   TestAStatementThatWaitsForTheServerGoesOnWhenTheServerHasSpoken,
		"AFrameThatMustBeWholeIsCollected":                              TestAFrameThatMustBeWholeIsCollected,
		"AFailedRefreshEndsTheSessionWithTheReason":                     TestAFailedRefreshEndsTheSessionWithTheReason,
		"APanicEndsOnlyItsSession":                                      TestAPanicEndsOnlyItsSession,
		"ASessionThatMakesNoProgressIsEnded":                            TestASessionThatMakesNoProgressIsEnded,
		"OurMessageNeverLandsInsideAnother":                             TestOurMessageNeverLandsInsideAnother,
		"ClientsBeyondTheLimitAreRefused":                               TestClientsBeyondTheLimitAreRefused,
		"OnShutdownIdleSessionsEndAtOnceAndOthersAfterTheirTransaction": TestOnShutdownIdleSessionsEndAtOnceAndOthersAfterTheirTransaction,
		"OnShutdownATransactionThatDoesNotEndIsCut":                     TestOnShutdownATransactionThatDoesNotEndIsCut,
		"AnIdleSessionIsEndedAfterTheIdleTimeout":                       TestAnIdleSessionIsEndedAfterTheIdleTimeout,
		"AServerThatEndsTheSessionIsHeardOut":                           TestAServerThatEndsTheSessionIsHeardOut,
		"AClientThatHalfClosesStillGetsItsAnswer":                       TestAClientThatHalfClosesStillGetsItsAnswer,
		"AProtocolViolationEndsTheSessionWithAnError":                   TestAProtocolViolationEndsTheSessionWithAnError,
		"NothingIsLeftOfClientsThatDie":                                 TestNothingIsLeftOfClientsThatDie,
		"ASlowReaderHoldsUpOnlyItselfAndCostsBoundedMemory":             TestASlowReaderHoldsUpOnlyItselfAndCostsBoundedMemory,
		"SessionsGoOnWhileAClientWritesWithoutReading":                  TestSessionsGoOnWhileAClientWritesWithoutReading,
		"FramesInPiecesOfAnySizeMakeNoDifference":                       TestFramesInPiecesOfAnySizeMakeNoDifference,
		"ASessionMayEndWhileItsLargeFrameIsWorkedOn":                    TestASessionMayEndWhileItsLargeFrameIsWorkedOn,
		"APanicOverALargeFrameEndsItsSession":                           TestAPanicOverALargeFrameEndsItsSession,
		"AConnectionThatBreaksAnywhereLeavesNothingBehind":              TestAConnectionThatBreaksAnywhereLeavesNothingBehind,
	} {
		t.Run(name, test)
	}
}
