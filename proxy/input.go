package proxy

import (
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"pgseal/session"
)

// bufferSize is how much is read at once. A buffer is taken from a pool when
// there is something to read and given back when everything has been passed on,
// so an idle session has none.
const bufferSize = 64 << 10

// workspace is what a direction needs only while it has bytes in hand.
type workspace struct {
	buffer [bufferSize]byte
	out    session.Output
	large  [][]byte // mapped, for out
}

var workspacePool = sync.Pool{New: func() any { return newWorkspace() }}

func newWorkspace() *workspace {
	w := new(workspace)
	w.out.Memory = w.memory
	return w
}

// memory is for output that is large.
func (w *workspace) memory(n int) []byte {
	b := mapMemory(n)
	if b != nil {
		w.large = append(w.large, b)
	}
	return b
}

// sent gives back what large output has taken.
func (w *workspace) sent() {
	if len(w.large) == 0 {
		return
	}
	w.out.Release()
	for _, b := range w.large {
		unmapMemory(b)
	}
	clear(w.large)
	w.large = w.large[:0]
}

// workspaces are those at hand to whoever runs one direction after another, who
// mostly needs one at a time: without locks, and the one used last, which is
// still in the processor's cache, first.
type workspaces struct{ free []*workspace }

// keptWorkspaces is how many are kept at hand; more go back to the pool.
const keptWorkspaces = 4

func (ws *workspaces) get() *workspace {
	if ws == nil || len(ws.free) == 0 {
		return workspacePool.Get().(*workspace)
	}
	last := len(ws.free) - 1
	w := ws.free[last]
	ws.free = ws.free[:last]
	return w
}

func (ws *workspaces) put(w *workspace) {
	if ws == nil || len(ws.free) >= keptWorkspaces {
		workspacePool.Put(w)
		return
	}
	ws.free = append(ws.free, w)
}

// input is what has been read of one direction and not been consumed.
type input struct {
	spaces *workspaces // nil: the pool's
	space  *workspace  // nil while there is nothing in hand
	b      []byte      // space.buffer, or a larger one for a frame that must be whole
	r, w   int         // b[r:w] has been read and not been consumed
	mapped bool        // b is the system's memory
}

// hold takes a buffer.
func (in *input) hold() {
	if in.space == nil {
		in.space = in.spaces.get()
		in.b = in.space.buffer[:]
	}
}

// release gives the buffers back. The Output keeps its small ones for the next
// user, since making them anew would be an allocation for each message.
func (in *input) release() {
	if in.space == nil {
		return
	}
	if len(in.b) > bufferSize {
		in.space.out.Release()
	}
	in.space.sent()
	if len(in.b) > spike {
		collectSoon()
	}
	in.shrink()
	in.spaces.put(in.space)
	*in = input{spaces: in.spaces}
}

// settle gives back what the last output has taken.
func (in *input) settle() {
	if in.space != nil {
		in.space.sent()
	}
}

// shrink goes back to the small buffer.
func (in *input) shrink() {
	if in.mapped {
		unmapMemory(in.b)
	}
	in.b, in.mapped = in.space.buffer[:], false
}

// part takes out what b and the last output stand in, with the memory of both,
// and goes on elsewhere with what has not been consumed.
func (in *input) part() *input {
	whole := *in
	*in = input{spaces: in.spaces}
	if whole.r < whole.w {
		in.ahead(whole.b[whole.r:whole.w])
	}
	return &whole
}

// spike is the size in bytes of a frame after which memory is collected at once:
// what one large value has left behind shall not be there still when the next
// one comes.
const spike = 8 << 20

var collecting atomic.Bool

// collectSoon collects memory beside everything else.
func collectSoon() {
	if !collecting.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer collecting.Store(false)
		debug.FreeOSMemory()
	}()
}

// growth is by how much a buffer grows at a time: the less often, the less is
// left behind, and a frame whose length lies takes no more than that.
const growth = 4

// ahead takes bytes that have been read during the startup.
func (in *input) ahead(b []byte) {
	if len(b) == 0 {
		return
	}
	in.hold()
	if len(b) > len(in.b) {
		in.b = make([]byte, len(b))
	}
	in.w = copy(in.b, b)
}

// makeRoom moves what is in hand to the front, and takes a larger buffer for a
// frame that does not fit, growing with what has really come rather than with
// what the frame's length promises. want is the size of the frame at r if it has
// to be whole, else 0.
func (in *input) makeRoom(want int) error {
	if in.r > 0 {
		in.w = copy(in.b, in.b[in.r:in.w])
		in.r = 0
	}
	switch {
	case in.w == len(in.b):
		if want <= len(in.b) {
			return errStuck
		}
		in.grow(min(growth*len(in.b), want))
	case len(in.b) > bufferSize && want <= bufferSize && in.w < bufferSize:
		copy(in.space.buffer[:], in.b[:in.w])
		in.shrink()
	}
	return nil
}

// mappedFrom is from which size in bytes on memory is the system's: below it
// asking costs more than copying.
const mappedFrom = 1 << 20

// grow takes a larger buffer.
func (in *input) grow(n int) {
	if in.mapped {
		if b := growMemory(in.b, n); b != nil {
			in.b = b
			return
		}
	}
	var grown []byte
	if n >= mappedFrom {
		grown = mapMemory(n)
	}
	mapped := grown != nil
	if !mapped {
		grown = make([]byte, n)
	}
	copy(grown, in.b[:in.w])
	in.shrink()
	in.b, in.mapped = grown, mapped
	if !mapped && n > spike {
		collectSoon() // the one before, and what the last such frame has left
	}
}

// errStuck is a session that has consumed nothing of a full buffer and asked
// for nothing, which would go on for ever.
var errStuck = errors.New("the session makes no progress")
