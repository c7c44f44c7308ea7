//go:build race

package keycache

// The race detector's own bookkeeping allocates.
const raceDetector = true
