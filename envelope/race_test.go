//go:build race

package envelope

// The race detector's own bookkeeping allocates.
const raceDetector = true
