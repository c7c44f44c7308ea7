//go:build !linux

package proxy

// loops need epoll: elsewhere every session has pumps.
type loops struct{}

func startLoops() (*loops, error) { return nil, nil }

func (*loops) attach(*relay) engine { return nil }
func (*loops) stop()                {}
