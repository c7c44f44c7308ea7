package proxy

import (
	"encoding/binary"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loops are the event loops of a Server, among which its sessions are spread.
type loops struct {
	all  []*loop
	next atomic.Uint32
	wait sync.WaitGroup
}

// startLoops starts a loop for every second processor that Go may use. A loop
// does little but call the kernel, most of whose work is the other end's; and
// fewer loops find more to do each time they wake. A processor that none of them
// needs keeps Go's scheduler from chasing those that wait for events (see
// docs/decisions).
func startLoops() (*loops, error) {
	n := runtime.GOMAXPROCS(0)
	if n == 1 {
		runtime.GOMAXPROCS(2)
	}
	ls := &loops{}
	places := newBesideLoops(max(1, n/2))
	for range max(1, n/2) {
		l, err := newLoop()
		if err != nil {
			ls.stop()
			return nil, err
		}
		l.places = places
		ls.all = append(ls.all, l)
		ls.wait.Go(l.run)
	}
	return ls, nil
}

// stop ends the loops, which must have no sessions left.
func (ls *loops) stop() {
	for _, l := range ls.all {
		l.post(func() { l.stopped = true })
	}
	ls.wait.Wait()
}

// attach gives a session an engine on one of the loops; nil if its connections
// cannot be taken there.
func (ls *loops) attach(r *relay) engine {
	if ls == nil || len(ls.all) == 0 {
		return nil
	}
	l := ls.all[int(ls.next.Add(1))%len(ls.all)]
	if s := newLooped(r, l); s != nil {
		return s
	}
	return nil
}

// loop is one event loop. Sessions run on it one after the other; whatever
// blocks is done on a goroutine, which posts the rest of the
// work back to the loop.
//
// Events are edge-triggered: the kernel says once that there is something to
// read, and again only after everything has been read. A read that was shorter
// than its room has read everything, so it needs no second one to find out.
type loop struct {
	epoll, wake int // descriptors; wake interrupts a wait
	places      besideLoops

	mu     sync.Mutex
	posted []func()
	news   atomic.Bool // something has been posted
	asleep atomic.Bool // wake must be written to

	// What follows is the loop's own.
	running []func()  // what was posted, while it runs
	sockets []*socket // by the key of their events
	free    []uint32  // keys that are not in use
	retired []uint32  // keys that events at hand may still name
	again   []*looped // have more to do than one turn
	turning []*looped // again, while they have their turn
	spaces  workspaces
	records []byte // what TLS has written and is being sent
	busy    bool   // there was more than one event the last time
	stopped bool
	events  [eventsAtOnce]unix.EpollEvent
}

const eventsAtOnce = 128

// yieldEvery is how often a busy loop passes through Go's scheduler. It runs the
// goroutines that wait for this processor, such as those of startups, and spares
// the loop being interrupted by a signal, which comes after 10 ms.
const yieldEvery = 8 * time.Millisecond

// roundsPerClock is how seldom a loop looks at the clock, which costs more than
// many another part of a round.
const roundsPerClock = 8

// wakeKey is the key of the events of loop.wake.
const wakeKey = -1

func newLoop() (*loop, error) {
	l := &loop{}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(l.epoll)
		return nil, err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeKey}
	if err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.wake, &event); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loop) close() {
	unix.Close(l.wake)
	unix.Close(l.epoll)
}

// post has f run on the loop, soon.
func (l *loop) post(f func()) {
	l.mu.Lock()
	l.posted = append(l.posted, f)
	l.news.Store(true)
	l.mu.Unlock()
	if l.asleep.Load() {
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		// It fails only if the counter is full, and then the loop will wake.
		_, _ = unix.Write(l.wake, one[:])
	}
}

func (l *loop) run() {
	defer l.close()
	runtime.LockOSThread() // it is threads that the kernel schedules
	pace := newPace()
	defer pace.close()
	yielded, events := time.Now(), 0
	for round := 0; !l.stopped; round++ {
		if round%roundsPerClock == 0 {
			if passed := time.Since(yielded); passed > yieldEvery {
				pace.set(events, passed, yielded.Add(passed))
				runtime.Gosched()
				yielded, events = time.Now(), 0
			}
		}
		n := l.poll()
		events += n
		for _, e := range l.events[:n] {
			if e.Fd == wakeKey {
				continue // edge-triggered: it need not be read
			}
			if s := l.sockets[e.Fd]; s != nil {
				s.session.event(s, e.Events)
			}
		}
		l.free = append(l.free, l.retired...)
		l.retired = l.retired[:0]
		l.runPosted()
		l.runAgain()
	}
}

// runPosted runs what has been posted.
func (l *loop) runPosted() {
	if !l.news.Load() {
		return
	}
	l.mu.Lock()
	l.news.Store(false)
	l.running, l.posted = l.posted, l.running[:0]
	l.mu.Unlock()
	for _, f := range l.running {
		f()
	}
	clear(l.running)
}

// runAgain gives another turn to the sessions that had more to do than the
// last one allowed.
func (l *loop) runAgain() {
	l.turning, l.again = l.again, l.turning[:0]
	for _, s := range l.turning {
		s.queued = false
		s.turn()
	}
	clear(l.turning)
}

// poll returns how many events there are. Only if there are none and nothing
// else is to be done does it block. Asking first is cheap, since it takes
// nothing of Go's scheduler, but not worth it when the answer is mostly no: when
// there was only one event the last time.
func (l *loop) poll() int {
	if l.busy || len(l.again) > 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])), eventsAtOnce, 0, 0, 0)
		l.busy = errno == 0 && n > 1
		if errno == 0 && n > 0 {
			return int(n)
		}
		if len(l.again) > 0 {
			return 0
		}
	}
	l.asleep.Store(true)
	defer l.asleep.Store(false)
	if l.news.Load() {
		return 0
	}
	blocked, err := unix.EpollWait(l.epoll, l.events[:], -1)
	if err != nil {
		return 0 // a signal
	}
	l.busy = blocked > 1
	return blocked
}

// register has the events of a socket come to its session.
func (l *loop) register(s *socket) error {
	if n := len(l.free); n > 0 {
		s.key, l.free = l.free[n-1], l.free[:n-1]
		l.sockets[s.key] = s
	} else {
		s.key = uint32(len(l.sockets))
		l.sockets = append(l.sockets, s)
	}
	s.known = true
	return l.control(s, unix.EPOLL_CTL_ADD, 0)
}

// interest sets whether the session hears that the socket takes bytes again.
func (l *loop) interest(s *socket, writable bool) error {
	var more uint32
	if writable {
		more = unix.EPOLLOUT
	}
	return l.control(s, unix.EPOLL_CTL_MOD, more)
}

func (l *loop) control(s *socket, op int, more uint32) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET | more, Fd: int32(s.key)}
	return unix.EpollCtl(l.epoll, op, s.fd, &event)
}

// forget ends the events of a socket that is being closed.
func (l *loop) forget(s *socket) {
	if !s.known {
		return
	}
	s.known = false
	l.sockets[s.key] = nil
	l.retired = append(l.retired, s.key)
}

// receive reads without blocking and without telling Go's scheduler, which
// would cost more than many a read.
func receive(fd int, b []byte) (int, error) {
	return transfer(unix.SYS_RECVFROM, fd, b, unix.MSG_DONTWAIT)
}

// transmit writes as receive reads.
func transmit(fd int, b []byte) (int, error) {
	return transfer(unix.SYS_SENDTO, fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func transfer(call uintptr, fd int, b []byte, flags uintptr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EAGAIN:
			return 0, errWouldBlock
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

// errWouldBlock is made once, since an errno in an error may allocate.
var errWouldBlock error = unix.EAGAIN

// detach takes the descriptor of a connection out of Go's hands, so that only
// the loop hears of its events. Options stay, which belong to the socket.
func detach(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var dupErr error
	err = raw.Control(func(old uintptr) {
		fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	return fd, errors.Join(err, dupErr)
}
