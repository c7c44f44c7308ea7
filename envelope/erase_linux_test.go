package envelope

import (
	"bytes"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"pgseal/envelope/envelopetest"
)

const childVariable = "PGSEAL_ENVELOPE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		useAndErase()
		return
	}
	os.Exit(m.Run())
}

const lastColumn = 99

var erasedColumns = []uint32{1, 17, 1 << 30, lastColumn}

// The process whose memory is searched. The data key reaches it through a pipe,
// straight into an array that it clears itself.
func useAndErase() {
	var dataKey [32]byte
	envelopetest.Receive(dataKey[:])
	envelopetest.Stage("loaded")

	k, err := NewKey(testKey, dataKey[:])
	clear(dataKey[:])
	if err != nil {
		panic(err)
	}
	envelopetest.Stage("opened")

	// Signals, preemption, stacks that grow and shrink, and garbage collections
	// on many threads are what scatters copies.
	var work sync.WaitGroup
	var enough atomic.Bool
	for g := range 8 {
		work.Go(func() {
			for !enough.Load() {
				useDeep(k, g, 30)
			}
		})
	}
	for range 40 {
		runtime.GC()
	}
	enough.Store(true)
	work.Wait()
	// One column's subkeys are derived when no collection comes after it, by a
	// goroutine that then keeps its stack as it is.
	sealed, end := make(chan []byte), make(chan struct{})
	go func() {
		k.AppendEquality(nil, lastColumn, nil)
		env, err := k.Seal(nil, lastColumn, 0, nil, bytes.Repeat([]byte{'p'}, 400))
		if err != nil {
			panic(err)
		}
		if _, err := k.Open(nil, lastColumn, env); err != nil {
			panic(err)
		}
		sealed <- env
		<-end
	}()
	last := <-sealed
	os.Stdout.Write(last[HeaderSize : HeaderSize+NonceSize])
	envelopetest.Stage("used")

	k.Erase()
	envelopetest.Stage("erased")
	close(end)
	runtime.KeepAlive(&dataKey)
}

func useDeep(k *Key, g, depth int) {
	var frame [200]byte
	frame[0] = byte(depth)
	if depth > 0 {
		useDeep(k, g, depth-1)
	}
	for i := range 8 {
		column := erasedColumns[(g+i)%(len(erasedColumns)-1)]
		plaintext := make([]byte, i*depth)
		var terms []byte
		for _, kind := range []TermFlags{TermEquality, TermLower, TermUpper} {
			var err error
			if terms, err = k.Term(terms, kind, column, plaintext); err != nil {
				panic(err)
			}
		}
		env, err := k.Seal(nil, column, knownTerms, terms, plaintext)
		if err != nil {
			panic(err)
		}
		if _, err := k.Open(nil, column, env); err != nil {
			panic(err)
		}
	}
	runtime.KeepAlive(&frame)
}

func TestNothingOfAKeyIsInMemoryAfterErase(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector maps more memory than can be searched")
	}
	dataKey := make([]byte, 32)
	for i := range dataKey {
		dataKey[i] = byte(i*i + 91*i + 5)
	}
	needles, err := envelopetest.Of(dataKey, erasedColumns...)
	if err != nil {
		t.Fatal(err)
	}
	child := envelopetest.Start(t, childVariable)
	child.Send(dataKey)
	child.Await("loaded")
	child.ExpectSome(needles, envelopetest.DataKey)

	child.Continue()
	child.Await("opened")
	child.ExpectSome(needles, envelopetest.HMACState)

	child.Continue()
	var nonce [NonceSize]byte
	child.Read(nonce[:])
	child.Await("used")
	if err := needles.AddCounters(dataKey, lastColumn, nonce[:]); err != nil {
		t.Fatal(err)
	}
	child.ExpectSome(needles, envelopetest.HMACState, envelopetest.AESRoundKey, envelopetest.GHASHTable)

	child.Continue()
	child.Await("erased")
	child.ExpectNone(needles)
	child.Continue()
}
