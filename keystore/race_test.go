//go:build race

package keystore_test

// The race detector's own memory is too much to search.
const raceDetector = true
