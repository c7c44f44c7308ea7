package main

import (
	"io"
	"net"
)

// spliceCommand makes this program the byte-splice proxy.
const spliceCommand = "splice"

// splice copies bytes between clients and a server and looks at none: the least
// that any proxy with a goroutine per direction costs.
func splice(listen, target string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			defer server.Close()
			go func() {
				// Either side's end ends both; how it ended is of no interest.
				_, _ = io.Copy(onlyWriter{server}, client)
				server.Close()
			}()
			_, _ = io.Copy(onlyWriter{client}, server)
		}()
	}
}

// onlyWriter hides that a connection can read from another one in the kernel:
// a proxy that looks at bytes has to have them.
type onlyWriter struct{ io.Writer }
