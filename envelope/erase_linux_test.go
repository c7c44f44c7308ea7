package envelope

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
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

var erasedColumns = []uint32{1, 17, 1 << 30, lastColumn}

const lastColumn = 99

// The process whose memory is searched, in four stages; after each it says so
// and waits. The key material reaches it through a pipe, straight into an array
// that it clears itself.
func useAndErase() {
	var material [32]byte
	read := func(b []byte) {
		if _, err := io.ReadFull(os.Stdin, b); err != nil {
			panic(err)
		}
	}
	stage := func(name string) {
		os.Stdout.WriteString(name + "\n")
		read(make([]byte, 1))
	}
	read(material[:])
	stage("loaded")

	k, err := NewKey(testKey, material[:])
	clear(material[:])
	if err != nil {
		panic(err)
	}
	stage("opened")

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
	// One column's subkey is derived when no collection comes after it.
	k.AppendEquality(nil, lastColumn, nil)
	last, err := k.Seal(nil, lastColumn, 0, nil, bytes.Repeat([]byte{'p'}, 400))
	if err != nil {
		panic(err)
	}
	if _, err := k.Open(nil, lastColumn, last); err != nil {
		panic(err)
	}
	os.Stdout.Write(last[HeaderSize : HeaderSize+NonceSize])
	stage("used")

	k.Erase()
	stage("erased")
	runtime.KeepAlive(&material)
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
		term := k.AppendEquality(nil, column, plaintext)
		env, err := k.Seal(nil, column, TermEquality, term, plaintext)
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
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = byte(i*i + 91*i + 5)
	}
	needles, err := envelopetest.Of(secret, erasedColumns...)
	if err != nil {
		t.Fatal(err)
	}

	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		if err := child.Wait(); err != nil && !t.Failed() {
			t.Error(err)
		}
	}()
	output := bufio.NewReader(stdout)
	stage := func(want string, send []byte) envelopetest.Found {
		t.Helper()
		if _, err := stdin.Write(send); err != nil {
			t.Fatal(err)
		}
		if want == "used" {
			nonce := make([]byte, NonceSize)
			if _, err := io.ReadFull(output, nonce); err != nil {
				t.Fatal(err)
			}
			if err := needles.AddCounters(secret, lastColumn, nonce); err != nil {
				t.Fatal(err)
			}
		}
		if line, err := output.ReadString('\n'); err != nil || line != want+"\n" {
			t.Fatalf("child says %q, %v, want %q", line, err, want)
		}
		return scan(t, child.Process.Pid, needles)
	}
	// While a key is open, a signal may leave anything in a signal stack; what
	// has to be found shows that the search finds it.
	expect := func(stage string, found envelopetest.Found, kinds ...string) {
		t.Helper()
		for _, kind := range kinds {
			if found.Count[kind] == 0 {
				t.Fatalf("%s: the search does not find any %s: it proves nothing", stage, kind)
			}
		}
	}
	expect("loaded", stage("loaded", secret), envelopetest.DataKey)
	expect("opened", stage("opened", []byte{0}), envelopetest.HMACState)
	expect("used", stage("used", []byte{0}), envelopetest.HMACState, envelopetest.AESRoundKey, envelopetest.GHASHTable)
	erased := stage("erased", []byte{0})
	// Threads that were asleep scrub their signal stacks when the system next
	// runs them.
	for range 10 {
		if len(erased.Where) > 0 {
			erased = scan(t, child.Process.Pid, needles)
		}
	}
	for _, where := range erased.Where {
		t.Errorf("after Erase: %s", where)
	}
	if _, err := stdin.Write([]byte{0}); err != nil {
		t.Error(err)
	}
}

func scan(t *testing.T, pid int, needles envelopetest.Needles) envelopetest.Found {
	t.Helper()
	found, err := envelopetest.Scan(pid, needles)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
