//go:build !linux

package proxy

// TrimProcess has nothing to ask of the system here.
func TrimProcess() {}
