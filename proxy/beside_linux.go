package proxy

import (
	"runtime"

	"pgseal/session"
)

// besideSize is how many bytes in hand, of one frame that had to be whole, the
// protocol looks at beside the loop: to plan, seal or open them would hold up the
// loop's other sessions for a tenth of a millisecond or more.
const besideSize = 256 << 10

// besideLoops are the places of goroutines that call the protocol: as many as
// there are processors that no loop needs. A cipher cannot be interrupted, and
// more of them would keep the loops from theirs.
type besideLoops chan struct{}

func newBesideLoops(loops int) besideLoops {
	return make(besideLoops, max(1, runtime.GOMAXPROCS(0)-loops))
}

// beside has a goroutine call the protocol. Until it is done nothing else of the
// session goes on: its sockets are not read, so its peers wait, and what is to be
// done to it is postponed.
func (s *looped) beside(d *direction) {
	s.working = true
	go func() {
		s.loop.places <- struct{}{}
		var n int
		var need session.Need
		var err error
		if panicked := guard(func() error {
			n, need, err = s.call(d)
			return nil
		}); panicked != nil {
			err = panicked
		}
		<-s.loop.places
		s.loop.post(func() {
			defer s.caught()
			s.working = false
			if err := s.called(d, n, need, err); err != nil {
				s.end(d, err)
			}
			if !s.working { // again
				d.input.settle()
			}
			postponed := s.postponed
			s.postponed = nil
			for _, f := range postponed {
				s.whenIdle(f)
			}
			s.progress()
		})
	}()
}

// whenIdle runs f now, or when the protocol has been called beside the loop.
func (s *looped) whenIdle(f func()) {
	if s.working {
		s.postponed = append(s.postponed, f)
		return
	}
	f()
}
