package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestASocketThatNobodyListensOnIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".s.PGSQL.6432")
	killed, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	killed.SetUnlinkOnClose(false)
	if err := killed.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := listenAll([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenAll([]string{path}); err == nil {
		t.Error("the socket of a process that listens was taken away")
	}
	if conn, err := net.Dial("unix", path); err != nil {
		t.Error(err)
	} else if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := closeAll(all); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenAll([]string{path}); err == nil {
		t.Error("a file that is no socket was taken away")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "somebody's" {
		t.Errorf("%q, %v", b, err)
	}
}
