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
package session

// Need says what a call lacks to go on.
type Need struct {
	Kind NeedKind
	Key  uint32 // NeedKey: data key to open; the engine unwraps it, then calls again
	// Settled: NeedCatalog is for a relation that is being sealed or unsealed; the
	// engine waits for the end of that, within bounds.
	Settled bool
	Bytes   int // NeedBytes: the frame at the head of the unconsumed bytes is this long, header included
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
)
