package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// listenAll opens every listener or none.
func listenAll(addresses []string) ([]net.Listener, error) {
	var all []net.Listener
	for _, address := range addresses {
		ln, err := listen(address)
		if err != nil {
			return nil, errors.Join(hint(fmt.Errorf("listen: %w", err), "another process may hold the address: give --listen another one"), closeAll(all))
		}
		all = append(all, ln)
	}
	return all, nil
}

// listen opens a listener: on a Unix socket if there is a slash in the address.
func listen(address string) (net.Listener, error) {
	if !strings.ContainsRune(address, '/') {
		return net.Listen("tcp", address)
	}
	ln, err := net.Listen("unix", address)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(address) {
		if err := os.Remove(address); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return net.Listen("unix", address)
	}
	return ln, err
}

// abandoned says whether nobody listens on a Unix socket: a process that was killed
// leaves its file behind.
func abandoned(path string) bool {
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
		return false
	}
	info, statErr := os.Lstat(path)
	return errors.Is(err, syscall.ECONNREFUSED) && statErr == nil && info.Mode().Type() == fs.ModeSocket
}

func closeAll(listeners []net.Listener) error {
	var err error
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}
