package proxy

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onThread runs f on a thread of its own, which ends with it.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

func policy(t *testing.T) (policy uint32, nice int32) {
	t.Helper()
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Error(err)
		return
	}
	return attr.Policy, attr.Nice
}

func TestABusyLoopIsScheduledAsABatch(t *testing.T) {
	onThread(func() {
		if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 3); err != nil {
			t.Error(err)
			return
		}
		p := newPace()
		defer p.close()
		if p.attr == nil {
			t.Error("the thread is not scheduled as threads ordinarily are, or its times are not told")
			return
		}
		now := time.Now()
		stat := filepath.Join(t.TempDir(), "schedstat")
		file, err := os.Create(stat)
		if err != nil {
			t.Error(err)
			return
		}
		p.stat.Close()
		p.stat = file
		var turns, waited int64
		for _, step := range []struct {
			name   string
			events int
			wait   time.Duration // of each of ten turns
			after  time.Duration
			want   uint32
		}{
			{name: "little to do", events: 10, want: unix.SCHED_NORMAL},
			{name: "busy", events: 200, wait: 50 * time.Microsecond, want: unix.SCHED_BATCH},
			{name: "still busy", events: 200, wait: 50 * time.Microsecond, want: unix.SCHED_BATCH},
			{name: "little to do again", events: 10, want: unix.SCHED_NORMAL},
			{name: "busy again", events: 200, wait: 50 * time.Microsecond, want: unix.SCHED_BATCH},
			{name: "another program runs for long", events: 200, wait: 2 * time.Millisecond, want: unix.SCHED_NORMAL},
			{name: "soon after it", events: 200, after: ordinaryFor / 2, want: unix.SCHED_NORMAL},
			{name: "later", events: 200, after: ordinaryFor, want: unix.SCHED_BATCH},
		} {
			turns += 10
			waited += 10 * int64(step.wait)
			now = now.Add(step.after)
			if err := os.WriteFile(stat, fmt.Appendf(nil, "123456 %d %d\n", waited, turns), 0o600); err != nil {
				t.Error(err)
				return
			}
			p.set(step.events, 8*time.Millisecond, now)
			if got, nice := policy(t); got != step.want || nice != 3 {
				t.Errorf("%s: policy %d, nice %d; want %d, 3", step.name, got, nice, step.want)
			}
		}
		if n := testing.AllocsPerRun(100, func() { p.set(200, 8*time.Millisecond, now) }); n != 0 {
			t.Errorf("a look at the times allocates %v times", n)
		}
	})
}

func TestALoopThatSomebodyHasScheduledStaysSo(t *testing.T) {
	onThread(func() {
		if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0); err != nil {
			t.Error(err)
			return
		}
		p := newPace()
		defer p.close()
		p.set(1000, time.Millisecond, time.Now())
		if got, _ := policy(t); got != unix.SCHED_IDLE {
			t.Errorf("policy %d, want that of before, %d", got, unix.SCHED_IDLE)
		}
	})
}
