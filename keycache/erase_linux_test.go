package keycache

import (
	"context"
	"os"
	"testing"

	"pgseal/envelope"
	"pgseal/envelope/envelopetest"
)

const childVariable = "PGSEAL_KEYCACHE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		useAndEvict()
		return
	}
	os.Exit(m.Run())
}

const evictedColumn = 17

// pipeSource asks the parent process for each data key.
type pipeSource struct{}

func (pipeSource) Unwrap(_ context.Context, id ID) (*envelope.Key, error) {
	var dataKey [32]byte
	os.Stdout.WriteString("unwrap\n")
	envelopetest.Receive(dataKey[:])
	defer clear(dataKey[:])
	return envelope.NewKey(id.Key, dataKey[:])
}

// The process whose memory is searched.
func useAndEvict() {
	c, err := New(pipeSource{}, Config{Size: 1})
	if err != nil {
		panic(err)
	}
	use := func(id ID) Lease {
		lease, err := c.Get(context.Background(), id)
		if err != nil {
			panic(err)
		}
		k := lease.Key()
		for range 1000 {
			value := []byte("value")
			env, err := k.Seal(nil, evictedColumn, envelope.TermEquality, k.AppendEquality(nil, evictedColumn, value), value)
			if err != nil {
				panic(err)
			}
			if _, err := k.Open(nil, evictedColumn, env); err != nil {
				panic(err)
			}
		}
		return lease
	}
	first := use(one)
	envelopetest.Stage("in use")
	second := use(two)
	envelopetest.Stage("evicted under a lease")
	first.Release()
	envelopetest.Stage("released")
	second.Release()
	c.Close()
	envelopetest.Stage("closed")
}

func TestNothingOfAnEvictedKeyIsInMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector maps more memory than can be searched")
	}
	needlesOf := func(dataKey []byte) envelopetest.Needles {
		needles, err := envelopetest.Of(dataKey, evictedColumn)
		if err != nil {
			t.Fatal(err)
		}
		return needles
	}
	firstKey, secondKey := []byte("0f!7ab?Qz9_kW3x-Lm5%Tr8&Vn2*Yp4+"), []byte("+4pY*2nV&8rT%5mL-x3Wk_9zQ?ba7!f0")
	first, second := needlesOf(firstKey), needlesOf(secondKey)
	open := []string{envelopetest.HMACState, envelopetest.AESRoundKey, envelopetest.GHASHTable}

	child := envelopetest.Start(t, childVariable)
	child.Await("unwrap")
	child.Send(firstKey)
	child.Await("in use")
	child.ExpectSome(first, open...)

	child.Continue()
	child.Await("unwrap")
	child.Send(secondKey)
	child.Await("evicted under a lease")
	child.ExpectSome(first, open...)
	child.ExpectSome(second, open...)

	child.Continue()
	child.Await("released")
	child.ExpectNone(first)
	child.ExpectSome(second, open...)

	child.Continue()
	child.Await("closed")
	child.ExpectNone(first)
	child.ExpectNone(second)
	child.Continue()
}
