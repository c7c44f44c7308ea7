// Package kmsfault makes a KMS fail on demand. It is a middleware for tests: it
// stands before kmsdev's handler, counts requests, answers some of them with a
// failure of the test's choice, and holds others until the test lets them go.
package kmsfault

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Any stands for every operation where an operation's name is asked for.
const Any = "*"

// Always as the number of failures means until Clear.
const Always = -1

// Failure is what a request gets instead of an answer.
type Failure struct {
	// Status is the HTTP status.
	Status int
	// Exception is the error code, as in the SDK's exception types. Empty: the
	// answer has no body, as from a broken load balancer.
	Exception string
	// Message accompanies Exception.
	Message string
	// Disconnect drops the connection without any answer; the other fields are
	// ignored.
	Disconnect bool
}

// Failures that a KMS is known for. AccessDenied is final; NotFound is what a
// key or alias gives that was made a moment ago, on a KMS that is only
// eventually consistent; the others may be retried.
var (
	AccessDenied = Failure{Status: http.StatusBadRequest, Exception: "AccessDeniedException",
		Message: "The caller is not authorized to perform this operation."}
	NotFound = Failure{Status: http.StatusBadRequest, Exception: "NotFoundException",
		Message: "The key or alias is not found."}
	Throttled = Failure{Status: http.StatusBadRequest, Exception: "ThrottlingException",
		Message: "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."}
	Internal = Failure{Status: http.StatusInternalServerError, Exception: "KMSInternalException",
		Message: "An internal error occurred."}
	KeyUnavailable = Failure{Status: http.StatusInternalServerError, Exception: "KeyUnavailableException",
		Message: "The key is not available."}
	DependencyTimeout = Failure{Status: http.StatusInternalServerError, Exception: "DependencyTimeoutException",
		Message: "The system timed out while trying to fulfill the request."}
	BadGateway   = Failure{Status: http.StatusBadGateway}
	Disconnected = Failure{Disconnect: true}
)

// Injector is the middleware. All methods are safe for concurrent use; rules
// apply to requests that arrive after they were set.
type Injector struct {
	next http.Handler

	mu      sync.Mutex
	counts  map[string]int // by operation, and under Any their sum
	arrived chan struct{}  // closed and replaced at each arrival
	faults  []*fault
	holds   []hold
}

type fault struct {
	op      string
	left    int // or Always
	failure Failure
}

type hold struct {
	op    string
	until <-chan struct{}
}

// New returns an Injector before next that does nothing but count.
func New(next http.Handler) *Injector {
	return &Injector{next: next, counts: map[string]int{}, arrived: make(chan struct{})}
}

// Fail makes the next n requests of op (or Any) fail. n may be Always. Of
// several rules that fit, the one set first is used up first.
func (i *Injector) Fail(op string, n int, f Failure) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = append(i.faults, &fault{op: op, left: n, failure: f})
}

// Hold delays every request of op (or Any) until the channel is closed, or the
// client gives up. A held request that is to fail fails afterwards.
func (i *Injector) Hold(op string, until <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.holds = append(i.holds, hold{op: op, until: until})
}

// Clear takes back all rules. Requests already held stay held, and counts stay.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults, i.holds = nil, nil
}

// Count returns how many requests of op (or Any) have arrived, failed ones and
// the SDK's own retries included. A request counts before it is held.
func (i *Injector) Count(op string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.counts[op]
}

// Await waits until Count(op) is at least n. It returns ctx's error if that
// ends first.
func (i *Injector) Await(ctx context.Context, op string, n int) error {
	for {
		i.mu.Lock()
		enough, arrived := i.counts[op] >= n, i.arrived
		i.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ServeHTTP applies the rules to requests of the KMS protocol and passes
// everything else on.
func (i *Injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !ok {
		i.next.ServeHTTP(w, r)
		return
	}
	holds, failure := i.arrive(op)
	if len(holds) > 0 {
		// net/http notices that a client left only once the body is read.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			disconnect()
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	for _, until := range holds {
		select {
		case <-until:
		case <-r.Context().Done():
			disconnect()
		}
	}
	if failure == nil {
		i.next.ServeHTTP(w, r)
		return
	}
	failure.write(w)
}

// arrive counts one request and takes what the rules have for it.
func (i *Injector) arrive(op string) (holds []<-chan struct{}, failure *Failure) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counts[op]++
	i.counts[Any]++
	close(i.arrived)
	i.arrived = make(chan struct{})
	for _, h := range i.holds {
		if h.op == op || h.op == Any {
			holds = append(holds, h.until)
		}
	}
	for _, f := range i.faults {
		if (f.op == op || f.op == Any) && f.left != 0 {
			if f.left != Always {
				f.left--
			}
			return holds, &f.failure
		}
	}
	return holds, nil
}

func (f *Failure) write(w http.ResponseWriter) {
	if f.Disconnect {
		disconnect()
	}
	if f.Exception == "" {
		w.WriteHeader(f.Status)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-ErrorType", f.Exception)
	w.WriteHeader(f.Status)
	// A client that left is nothing to report in a test's fault.
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": f.Exception, "message": f.Message})
}

// disconnect ends the request in net/http's own way to drop a connection
// without an answer.
func disconnect() {
	panic(http.ErrAbortHandler)
}
