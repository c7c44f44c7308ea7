//go:build !race

package keycache

const raceDetector = false
