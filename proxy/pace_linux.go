package proxy

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// pace tells the kernel how a loop's thread is to be scheduled.
//
// A thread that wakes ordinarily takes the processor from whoever runs there: from
// the very backend, say, whose answer has woken it. The loop then finds one event
// where a little later it would have found several, and both pay for the switch: up
// to a third of the loop's CPU time on a machine without a free processor. So a busy
// loop is scheduled as a batch is: whoever runs goes on until it has to wait, as
// backends and clients soon have to. Where a processor is free both are the same.
//
// A program that computes for long on the same processor would make each message
// wait for milliseconds, so with little to do the loop is scheduled as ever, and so
// it is for a while when it has had to wait for long.
type pace struct {
	attr  *unix.SchedAttr // of the thread as it began, nil if it is not to be changed
	batch bool
	until time.Time // no batch before

	stat   *os.File // what the kernel says of the thread's times
	line   [64]byte
	waited uint64 // for a processor, in all, in ns
	turns  uint64 // in all
}

const (
	// busyRate is the number of events a second from which a loop is busy: a query
	// makes two.
	busyRate = 5000
	// longWait is how long a turn of a batch may have to wait for the processor, on
	// average. Some backends that have a small query each do not take that long.
	longWait = time.Millisecond
	// ordinaryFor is how long a loop that had to wait for too long is no batch.
	ordinaryFor = time.Second
)

// newPace is for the calling thread, which must stay the loop's.
func newPace() *pace {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL {
		return &pace{} // who runs pgseal has chosen
	}
	stat, err := os.Open(fmt.Sprintf("/proc/self/task/%d/schedstat", unix.Gettid()))
	if err != nil {
		return &pace{}
	}
	return &pace{attr: attr, stat: stat}
}

func (p *pace) close() {
	if p.stat != nil {
		p.stat.Close()
	}
}

// set takes what a loop has had to do of late.
func (p *pace) set(events int, in time.Duration, now time.Time) {
	if p.attr == nil {
		return
	}
	batch := int64(events)*int64(time.Second) > busyRate*int64(in) && now.After(p.until)
	if batch {
		wait, ok := p.wait()
		if batch = ok; p.batch && wait > longWait {
			batch, p.until = false, now.Add(ordinaryFor)
		}
	}
	if batch == p.batch {
		return
	}
	p.batch, p.attr.Policy = batch, unix.SCHED_NORMAL
	if batch {
		p.attr.Policy = unix.SCHED_BATCH
	}
	if unix.SchedSetAttr(0, p.attr, 0) != nil {
		p.attr = nil // the system does not allow it; the loop goes on as it is
	}
}

// wait is how long the thread has waited for a processor since it was asked last, on
// average over its turns.
func (p *pace) wait() (time.Duration, bool) {
	n, _ := p.stat.ReadAt(p.line[:], 0) // it ends before the line is full
	_, line, _ := bytes.Cut(p.line[:n], []byte(" "))
	first, line, _ := bytes.Cut(line, []byte(" "))
	waited, err := strconv.ParseUint(string(first), 10, 64)
	if err != nil {
		return 0, false
	}
	turns, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0, false
	}
	d := time.Duration((waited - p.waited) / max(1, turns-p.turns))
	p.waited, p.turns = waited, turns
	return d, true
}
