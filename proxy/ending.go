package proxy

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"

	"pgseal/catalog"
	"pgseal/wire"
)

// Failures of a session, by what they are to the log and to the client.
type (
	clientWriteError struct{ err error }
	serverWriteError struct{ err error }
	catalogError     struct{ err error }
	panicError       struct{ stack []byte }
)

func (e clientWriteError) Error() string { return "write to the client: " + e.err.Error() }
func (e clientWriteError) Unwrap() error { return e.err }
func (e serverWriteError) Error() string { return "write to the server: " + e.err.Error() }
func (e serverWriteError) Unwrap() error { return e.err }
func (e catalogError) Error() string     { return "catalog: " + e.err.Error() }
func (e catalogError) Unwrap() error     { return e.err }
func (e panicError) Error() string       { return "panic\n" + string(e.stack) }

// guard turns a panic into an error, so that what one peer has sent cannot end
// the sessions of the others. The value of the panic is left out: it may quote
// what was being handled.
func guard(f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = panicError{debug.Stack()}
		}
	}()
	return f()
}

// unreadCatalog is what a client is told of a catalogError.
func unreadCatalog(err error) *wire.Error {
	if errors.Is(err, catalog.ErrOldSchema) {
		return errOldSchema
	}
	return errCatalog
}

// farewellTo is what a client is told when its session ends with err, nil if
// nothing.
func farewellTo(err error) *wire.Error {
	var e *wire.Error
	switch {
	case errors.As(err, &e):
		last := *e
		last.Severity = wire.SeverityFatal
		return &last
	case errors.As(err, new(catalogError)):
		return unreadCatalog(err)
	case errors.As(err, new(panicError)), errors.Is(err, errStuck):
		return errInternal
	}
	return nil
}

// problem is what the log is told of the ends of the two directions, nil if
// each ended as sessions do.
func (r *relay) problem(client, server error) error {
	if e := r.ended.Load(); e != nil {
		return e
	}
	for _, err := range []error{client, server} {
		switch {
		case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, io.ErrUnexpectedEOF): // gone without TLS's goodbye
		default:
			return err
		}
	}
	return nil
}

// frameBoundary follows frames through a byte stream, so that a message of our
// own never lands inside another message, where it would pass for data.
type frameBoundary struct {
	head [wire.HeaderLen]byte
	have int // bytes of head
	left int // bytes of the frame's body still to come
}

func (f *frameBoundary) pass(b []byte) {
	for len(b) > 0 {
		if f.left > 0 {
			k := min(f.left, len(b))
			f.left -= k
			b = b[k:]
			continue
		}
		k := copy(f.head[f.have:], b)
		f.have += k
		b = b[k:]
		if f.have == wire.HeaderLen {
			f.have = 0
			f.left = int(binary.BigEndian.Uint32(f.head[1:])) - 4
		}
	}
}

// at reports that the stream stands between two frames.
func (f *frameBoundary) at() bool { return f.have == 0 && f.left == 0 }
