// Package session is the protocol state of one session after its startup:
// statements, portals, pipelines, skip to Sync, transactions. It is pure code:
// bytes in, bytes out, and "need key K". It knows neither sockets nor time, so
// the engine that moves the bytes can be chosen by measurement, and every
// frame can be tested alone.
//
// An engine reads from one side into a buffer and calls FromClient or
// FromServer; the session consumes whole frames (or pieces of frames that are
// only relayed) and adds what must be written to either side to the Output. A
// call stops early with a Need when it cannot go on: the engine satisfies the
// need (unwraps a key, reads more bytes, waits for the other side) and calls
// again with the bytes that were not consumed. Calls for one session must not
// overlap.
//
// # What is looked into
//
// Frames are relayed by their headers as long as nothing sealed is concerned.
// A text that may touch a sealed column is planned ([pgseal/rewrite]); its
// values are sealed on the way out and opened on the way back, and its
// descriptions show the types that the application knows. What the plan says of
// the result columns is compared with the origin that the server's
// RowDescription gives; where a client does not ask for one, the session does.
//
// # What is under way
//
// The fifo holds one request for each frame that the server has to answer.
// Statements and portals change only when it confirms them. Frames wait for the
// server (NeedServer) where they depend on an answer:
//
//   - a name whose statement is decided before an earlier Sync, or by a PREPARE
//     or DEALLOCATE under way;
//   - a value to be converted behind a SET or the like;
//   - a search path, a setting or a parameter's type that only the server knows
//     (it is asked by a hidden request);
//   - whatever follows a segment with rows that are opened, and the Sync of one
//     that also writes outside a transaction block: should a row not open, the
//     transaction has to be aborted first.
//
// # Refusals and failures
//
// What is refused is replaced by a statement that fails on the server, so that
// order, skip to Sync and the aborted transaction are the server's own (see
// refuse.go). What fails only when its rows are read is made to fail on the
// server too, as far as that is possible (see failure.go).
//
// # Settings that functions change
//
// The server does not report extra_float_digits, and reports the others only when
// a segment ends. The catalog says which functions name such settings
// (catalog.Setters): where there are some, every statement can change settings,
// because triggers and views call functions, too. Where functions run SQL that is
// made at run time, extra_float_digits is asked for each time that a sealed float
// is to be shown as text. What a statement shows while it changes settings itself
// is refused.
package session

// Need says what a call lacks to go on.
type Need struct {
	Kind NeedKind
	Key  uint32 // NeedKey: data key to open; the engine unwraps it, then calls again
	// Settled: NeedCatalog is for a relation that is being sealed or unsealed; the
	// engine waits for the end of that, within bounds.
	Settled bool
	// Moved: NeedCatalog is for what Config.Moved has told of; what has been read since
	// is enough.
	Moved bool
	// Bytes: NeedBytes calls for this many bytes at the head of the unconsumed
	// ones, headers included: mostly a whole frame, sometimes the beginning of
	// one that is then relayed.
	Bytes int
}

// NeedKind is the kind of a Need.
type NeedKind uint8

const (
	// NeedNothing: everything that was whole has been consumed.
	NeedNothing NeedKind = iota
	// NeedKey: a data key is not open. If it cannot be had, the engine calls
	// KeyFailed with the reason before calling again.
	NeedKey
	// NeedBytes: the frame must be looked into and is not whole yet.
	NeedBytes
	// NeedServer: the client's next frame has to wait until the server has
	// answered something the session asked; call FromClient again after the
	// next FromServer.
	NeedServer
	// NeedCatalog: the statement names something the snapshot does not know;
	// the engine refreshes the catalog, then calls again.
	NeedCatalog
	// NeedTime: the next call has much to do; the engine makes it where nobody
	// waits for it but the session, perhaps without any more bytes.
	NeedTime
)
