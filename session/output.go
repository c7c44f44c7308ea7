package session

import "slices"

// Output is what one call leaves to be written: chunks in order, for each side.
// Input that is passed on untouched appears as sub-slices of the input, and
// changed frames as sub-slices of the Output's own scratch, so everything in it
// is valid only until the next call with it, and as long as the input is.
//
// An engine may use one Output for both directions or one for each.
type Output struct {
	// Memory gives memory for so many bytes that large output takes at once, or
	// nil; what it is for is in the output until the next call. If it is not set,
	// the memory is Go's.
	Memory func(n int) []byte

	server, client stream
}

// largeOutput is from which size on, in bytes, Memory is asked.
const largeOutput = 1 << 20

// room is dst, which began as the scratch of a stream, with capacity for n bytes
// more.
func (o *Output) room(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	if n >= largeOutput && o.Memory != nil {
		if b := o.Memory(len(dst) + n); b != nil {
			return append(b[:0], dst...)
		}
	}
	return slices.Grow(dst, n)
}

// ToServer is what must be written to the server.
func (o *Output) ToServer() [][]byte { return o.server.chunks }

// ToClient is what must be written to the client.
func (o *Output) ToClient() [][]byte { return o.client.chunks }

// Empty reports that nothing has to be written.
func (o *Output) Empty() bool { return len(o.server.chunks) == 0 && len(o.client.chunks) == 0 }

// Release lets go of what the Output held, and of buffers that a spike has
// made large. It is for engines that share Outputs among sessions.
func (o *Output) Release() {
	o.reset()
	for _, w := range [...]*stream{&o.server, &o.client} {
		if cap(w.scratch) > keptScratch {
			w.scratch = nil
		}
	}
}

// reset begins a new call.
func (o *Output) reset() {
	o.server.reset()
	o.client.reset()
}

// keptScratch is how much scratch in bytes stays allocated when a call has
// needed only a small part of it: a spike must not stay with the session.
const keptScratch = 64 << 10

// source is where the bytes of a stream's last chunk come from.
type source uint8

const (
	fromNothing source = iota
	fromInput
	fromScratch
)

// stream is the output towards one side.
type stream struct {
	chunks     [][]byte
	scratch    []byte
	last       source
	start, end int // of the last chunk within its source
}

func (w *stream) reset() {
	if cap(w.scratch) > keptScratch && len(w.scratch) < cap(w.scratch)/4 {
		w.scratch = nil
	}
	clear(w.chunks)
	w.chunks, w.scratch, w.last = w.chunks[:0], w.scratch[:0], fromNothing
}

// relay passes in[from:to] on, where in is the whole input of the call.
func (w *stream) relay(in []byte, from, to int) {
	if from == to {
		return
	}
	if w.last == fromInput && w.end == from {
		w.end = to
		w.chunks[len(w.chunks)-1] = in[w.start:to:to]
		return
	}
	w.last, w.start, w.end = fromInput, from, to
	w.chunks = append(w.chunks, in[from:to:to])
}

// part is output that stands elsewhere: bytes of the input, behind so many of the
// scratch.
type part struct {
	at    int
	bytes []byte
}

// weave is put for a frame of which parts stand elsewhere.
func (w *stream) weave(scratch []byte, parts []part) {
	from := len(w.scratch)
	w.scratch = scratch
	for _, p := range parts {
		if from < p.at {
			w.chunks = append(w.chunks, scratch[from:p.at:p.at])
		}
		w.chunks = append(w.chunks, p.bytes[:len(p.bytes):len(p.bytes)])
		from = p.at
	}
	if from < len(scratch) {
		w.chunks = append(w.chunks, scratch[from:len(scratch):len(scratch)])
	}
	w.last = fromNothing
}

// add puts a frame that stands elsewhere, and stays there.
func (w *stream) add(frame []byte) {
	w.chunks, w.last = append(w.chunks, frame), fromNothing
}

// put takes over the scratch after frames have been appended to it. What was
// appended and not put does not count, so a frame can be given up half-way.
func (w *stream) put(scratch []byte) {
	from := len(w.scratch)
	w.scratch = scratch
	if from == len(scratch) {
		return
	}
	if w.last == fromScratch {
		w.chunks[len(w.chunks)-1] = scratch[w.start:len(scratch):len(scratch)]
		return
	}
	w.last, w.start = fromScratch, from
	w.chunks = append(w.chunks, scratch[from:len(scratch):len(scratch)])
}
