//go:build !linux

package proxy

// Elsewhere the memory for large frames is Go's.

func mapMemory(int) []byte          { return nil }
func growMemory([]byte, int) []byte { return nil }
func unmapMemory([]byte)            {}
